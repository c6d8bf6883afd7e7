import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';

export type BenchServer = {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  close(): Promise<void>;
};

/** A server as a program of its own, which sends its address once it listens. Its data lie on the disk of the checkout, where syncing costs. */
export async function startBenchServer(program: string): Promise<BenchServer> {
  const dataDir = await mkdtemp(join(process.cwd(), '.prism-bench-'));
  const child = fork(join(import.meta.dirname, program), [dataDir], { stdio: ['ignore', 2, 2, 'ipc'] });
  const [started]: { url?: string; headers?: Record<string, string> }[] = await once(child, 'message');
  return {
    url: started?.url ?? '',
    headers: started?.headers ?? {},
    async close() {
      const exited = once(child, 'exit');
      child.send('stop');
      await exited;
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

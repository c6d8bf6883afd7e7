import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

/** One bare CPython process that parses, unparses and hashes sources. Whoever opens it closes it. */
export function bareParser() {
  const child = spawn('python3', ['bench/gates/bare.py'], { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    async parse(sources: readonly string[]): Promise<void> {
      child.stdin.write(`${JSON.stringify(sources)}\n`);
      const answer = await lines.next();
      if (answer.done === true) throw new Error('the bare parser ended');
    },
    async close(): Promise<void> {
      child.stdin.end();
      await once(child, 'exit');
    },
  };
}

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import path from 'node:path';
import { createInterface } from 'node:readline';
import type { Inspector, ModuleFacts } from '../../domain/ports/inspector.ts';

const runner = path.resolve('gpu-runner');
const environment = { ...process.env, PYTHONPATH: runner, PYTHONDONTWRITEBYTECODE: '1' };

/** Why the real inspector can't run on this machine, or null. It needs python3 and the runner's sources, no torch. */
export function inspectorAbsence(): string | null {
  const probe = spawnSync('python3', ['-c', 'import prism_runner.inspector'], { env: environment, encoding: 'utf8' });
  if (probe.error !== undefined) return `no python3: ${probe.error.message}`;
  return probe.status === 0 ? null : probe.stderr.trim().split('\n').slice(-1).join('');
}

/** The real inspector as a process of the host (PROTOCOL.md §5): one question, one answer, then it is closed. */
export function pythonInspector(): Inspector {
  return {
    async inspect(sources) {
      const child = spawn('python3', ['-P', '-s', '-B', '-m', 'prism_runner', 'inspector'], {
        env: environment,
        stdio: ['pipe', 'pipe', 'inherit'],
      });
      try {
        return await ask(child, sources);
      } finally {
        child.kill();
      }
    },
  };
}

async function ask(child: ChildProcess, sources: Parameters<Inspector['inspect']>[0]): Promise<readonly ModuleFacts[]> {
  if (child.stdin === null || child.stdout === null) throw new Error('no pipes');
  const files = sources.map(({ path: name, bytes }) => ({ path: name, source: Buffer.from(bytes).toString('base64') }));
  child.stdin.end(`${JSON.stringify({ id: 'test', files })}\n`);
  for await (const line of createInterface({ input: child.stdout })) {
    const answer: { modules: readonly ModuleFacts[] } = JSON.parse(line);
    return answer.modules;
  }
  throw new Error('the inspector gave no answer');
}

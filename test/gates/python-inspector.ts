import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { inspectorProcess } from '../../executor/inspector-process.ts';

const runnerFolder = path.resolve('gpu-runner');

/** Why the real inspector can't run on this machine, or null. It needs python3 and the runner's sources, no torch. */
export function inspectorAbsence(): string | null {
  const environment = { ...process.env, PYTHONPATH: runnerFolder, PYTHONDONTWRITEBYTECODE: '1' };
  const probe = spawnSync('python3', ['-c', 'import prism_runner.inspector'], { env: environment, encoding: 'utf8' });
  if (probe.error !== undefined) return `no python3: ${probe.error.message}`;
  return probe.status === 0 ? null : probe.stderr.trim().split('\n').slice(-1).join('');
}

/** The real inspector as a process of the host; whoever opens it closes it. */
export function pythonInspector(): ReturnType<typeof inspectorProcess> {
  return inspectorProcess({ python: 'python3', runnerFolder });
}

/** `describe` where the real inspector runs; else a skipped one whose title says why. */
export function describeWithInspector(title: string, body: (inspector: ReturnType<typeof pythonInspector>) => void) {
  const absence = inspectorAbsence();
  if (absence !== null) return describe.skip(`${title} (skipped: ${absence})`, () => {});
  return describe(title, function () {
    this.timeout(60_000);
    const inspector = pythonInspector();
    after(() => inspector.close());
    body(inspector);
  });
}

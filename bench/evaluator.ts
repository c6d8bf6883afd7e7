import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { ContainerCreateOptions } from 'dockerode';
import { z } from 'zod';
import { packageRoot } from '../cli/package-root.ts';
import type { RunnerFacts } from '../executor/run-spec.ts';
import { holdMachineLock } from '../test/executor/machine-lock.ts';

const memoryBytes = 12 * 2 ** 30;

export type Script = {
  /** In the container. */
  readonly path: string;
  readonly arguments: readonly (string | number)[];
  /** Folders by where they lie in the container, beside /data and /tokenizers. All are read-only. */
  readonly folders: Readonly<Record<string, string>>;
};

type RunInContainer = (
  configuration: ContainerCreateOptions,
  listeners: { readonly onStdout: (text: string) => void; readonly onStderr: (text: string) => void },
) => Promise<number>;

/** Runs a Python script in a container of the evaluator image, alone on the machine, and reads its lines, each a JSON value. */
export async function runScript<T>(runner: RunnerFacts, script: Script, line: z.ZodType<T>): Promise<readonly T[]> {
  const module = await import(pathToFileURL(join(packageRoot, 'scripts', 'lib', 'docker-run.mjs')).href);
  const runInContainer = z.custom<RunInContainer>().parse(module.runInContainer);
  const folders = { ...script.folders, '/data': runner.dataDir, '/tokenizers': runner.tokenizersDir };
  let printed = '';
  const unlock = await holdMachineLock();
  try {
    const exitCode = await runInContainer(
      {
        Image: runner.imageId,
        Cmd: ['python3', '-P', '-s', '-B', script.path, ...script.arguments.map(String)],
        HostConfig: {
          NetworkMode: 'none',
          ReadonlyRootfs: true,
          Init: true,
          CpusetCpus: '0-1',
          Memory: memoryBytes,
          Tmpfs: { '/tmp': 'size=1g,mode=1777' },
          Binds: Object.entries(folders).map(([target, source]) => `${source}:${target}:ro`),
        },
      },
      {
        onStdout: (text) => {
          printed += text;
        },
        onStderr: (text) => void process.stderr.write(text),
      },
    );
    if (exitCode !== 0) throw new Error(`${script.path} did not get to its end (exit ${exitCode})`);
  } finally {
    await unlock();
  }
  return printed
    .trim()
    .split('\n')
    .map((text) => line.parse(JSON.parse(text)));
}

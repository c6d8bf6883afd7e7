import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { z } from 'zod';
import { type ServiceClient, serviceClient } from '../../cli/service-client.ts';
import type { PolicyDraft } from '../../domain/policy/policy.ts';

/** A real `prism serve` in a process of its own, on a data folder that outlives it. */
export type ServiceProcess = {
  readonly client: ServiceClient;
  readonly url: string;
  /** As a crash would end it: nothing of ours runs any more code. */
  kill(): Promise<void>;
  /** As an operator ends it. */
  stop(): Promise<number | null>;
};

export type ServiceHome = {
  readonly dataDir: string;
  start(environment?: Readonly<Record<string, string>>): Promise<ServiceProcess>;
  remove(): Promise<void>;
};

/** A stream of a few thousand bytes and small containers: what is measured is short, how it is measured is the same. */
export const smallPolicy: PolicyDraft = {
  streamBytes: 16_384,
  deviceClasses: ['cpu'],
  limits: { memoryBytes: 2 * 2 ** 30, artifactsBytes: 2 ** 26, frameSeconds: 60, setupSeconds: 120 },
};

const token = 'test-token';
const startedSchema = z.looseObject({ event: z.literal('started'), url: z.string() });

export async function serviceHome(policy: PolicyDraft = smallPolicy): Promise<ServiceHome> {
  const dataDir = await mkdtemp(join(tmpdir(), 'prism-service-'));
  const policyFile = join(dataDir, 'policy.json');
  await writeFile(policyFile, JSON.stringify(policy));
  return {
    dataDir,
    start: (environment = {}) =>
      startProcess({
        PRISM_DATA_DIR: dataDir,
        PRISM_INITIAL_POLICY: policyFile,
        PRISM_PORT: '0',
        PRISM_SHARED_TOKEN: token,
        PRISM_SLOTS: 'cpu0=0',
        PRISM_SLOT_MEMORY: String(2 * 2 ** 30),
        PRISM_EXECUTOR_NAME: 'test',
        PRISM_LOG_LEVEL: 'warn',
        ...environment,
      }),
    remove: () => rm(dataDir, { recursive: true, force: true }),
  };
}

async function startProcess(environment: Readonly<Record<string, string>>): Promise<ServiceProcess> {
  const program = join(import.meta.dirname, '../../cli/main.js');
  const child = spawn(process.execPath, [program, 'serve', '--json'], {
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const { url } = await started(child);
  return {
    url,
    client: serviceClient(url, token),
    kill: () => end(child, 'SIGKILL').then(() => {}),
    stop: () => end(child, 'SIGTERM'),
  };
}

async function started(child: ChildProcess): Promise<z.infer<typeof startedSchema>> {
  if (child.stdout === null) throw new Error('the service has no stdout');
  const lines = createInterface({ input: child.stdout });
  const exited = once(child, 'exit').then(([code]) => {
    throw new Error(`the service ended with ${code} before it answered`);
  });
  const [line] = await Promise.race([once(lines, 'line'), exited]);
  return startedSchema.parse(JSON.parse(String(line)));
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
  const exited = once(child, 'exit');
  child.kill(signal);
  await exited;
  return child.exitCode;
}

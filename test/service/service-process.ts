import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import { type ServiceClient, serviceClient } from '../../cli/service-client.ts';
import type { PolicyDraft } from '../../domain/policy/policy.ts';

/** The compiled `prism` beside the compiled tests. */
export const prism = join(import.meta.dirname, '../../cli/main.js');
export const executorName = 'test';

/** A real `prism serve` in a process of its own, on a data folder that outlives it. */
export type ServiceProcess = {
  readonly client: ServiceClient;
  readonly url: string;
  /** As a crash would end it: nothing of ours runs any more code. */
  kill(): Promise<void>;
  /** As an operator ends it. Answers the exit code; one that takes too long is killed and answers null. */
  stop(): Promise<number | null>;
};

export type ServiceHome = {
  readonly dataDir: string;
  start(environment?: Readonly<Record<string, string>>): Promise<ServiceProcess>;
  /** Stops what still runs. */
  stopAll(): Promise<void>;
  remove(): Promise<void>;
};

/** A stream of a few thousand bytes and small containers: what is measured is short, how it is measured is the same. */
export const smallPolicy: PolicyDraft = {
  streamBytes: 16_384,
  deviceClasses: ['cpu'],
  limits: { memoryBytes: 2 * 2 ** 30, artifactsBytes: 2 ** 26, frameSeconds: 60, setupSeconds: 120 },
  integrity: { reruns: { mode: 'off' } },
  // What the containers hold is looked at without the gates, which would let few of these bundles through.
  gates: { static: 'off', parameters: 'off', distributed: 'off', duplicate: 'off' },
  ...{ heldOut: { mode: 'off' }, seedAudit: 'off' },
};

/** Two slots, a core each. */
export const twoSlots = { PRISM_SLOTS: 'cpu0=0,cpu1=1' };

export const token = 'test-token';
/** Hex; keys the order of the stream's documents. */
export const seasonSecret = '5eed'.repeat(16);
const startedSchema = z.looseObject({ event: z.literal('started'), url: z.string() });
const stopPatienceMs = 30_000;

export async function serviceHome(policy: PolicyDraft = smallPolicy): Promise<ServiceHome> {
  const dataDir = await mkdtemp(join(tmpdir(), 'prism-service-'));
  const policyFile = join(dataDir, 'policy.json');
  const secretFile = join(dataDir, 'season-secret');
  await writeFile(policyFile, JSON.stringify(policy));
  await writeFile(secretFile, seasonSecret);
  const processes: ServiceProcess[] = [];
  return {
    dataDir,
    async start(environment = {}) {
      const started = await startProcess({
        PRISM_DATA_DIR: dataDir,
        PRISM_INITIAL_POLICY: policyFile,
        PRISM_SEASON_SECRET_FILE: secretFile,
        PRISM_PORT: '0',
        PRISM_SHARED_TOKEN: token,
        PRISM_SLOTS: 'cpu0=0',
        PRISM_SLOT_MEMORY: String(2 * 2 ** 30),
        PRISM_EXECUTOR_NAME: executorName,
        PRISM_LOG_LEVEL: 'warn',
        ...environment,
      });
      processes.push(started);
      return started;
    },
    async stopAll() {
      await Promise.all(processes.splice(0).map((running) => running.stop()));
    },
    remove: () => rm(dataDir, { recursive: true, force: true }),
  };
}

async function startProcess(environment: Readonly<Record<string, string>>): Promise<ServiceProcess> {
  const child = spawn(process.execPath, [prism, 'serve', '--json'], {
    env: { ...ownEnvironment(), ...environment },
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

/** This process's environment without the settings of a service that somebody may have in theirs. */
export function ownEnvironment(): NodeJS.ProcessEnv {
  const settings = /^(PRISM_(LOG|LOG_.*|BLOBS|HOST|EXECUTOR|SHARED_TOKEN_FILE)|CHALLENGE_SHARED_TOKEN)$/;
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !settings.test(name)));
}

async function started(child: ChildProcess): Promise<z.infer<typeof startedSchema>> {
  if (child.stdout === null) throw new Error('the service has no stdout');
  const lines = createInterface({ input: child.stdout });
  const exited = once(child, 'exit').then(([code]) => {
    throw new Error(`the service ended with ${code} before it answered`);
  });
  exited.catch(() => {}); // Later it may end as it likes.
  const [line] = await Promise.race([once(lines, 'line'), exited]);
  return startedSchema.parse(JSON.parse(String(line)));
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
  const exited = once(child, 'exit');
  child.kill(signal);
  const patience = new AbortController();
  const late = delay(stopPatienceMs, 'late', { signal: patience.signal }).catch(() => 'aborted');
  if ((await Promise.race([exited, late])) === 'late') {
    child.kill('SIGKILL');
    await exited;
  }
  patience.abort();
  return child.exitCode;
}

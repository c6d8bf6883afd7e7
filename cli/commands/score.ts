import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { type Config, storageLocation } from '../../config.ts';
import { policySchema } from '../../domain/policy/policy.ts';
import type { BlobReference } from '../../domain/ports/blobs.ts';
import { parseManifest } from '../../executor/run-manifest.ts';
import { openStorage, type Storage } from '../../storage/open-storage.ts';
import { CommandError, exitCodes } from '../exit-codes.ts';
import { withLocalService } from '../local-service.ts';
import type { Output } from '../output.ts';
import { describeReport, last, type ScoreReport, scoreAttempt, scoreReport } from '../score-report.ts';
import { submissionHistory } from '../submission-history.ts';
import { describeSubmission } from './status.ts';
import { handIn, waitFor } from './submit.ts';

const defaultStreamBytes = 250_000;

export type ScoreOptions = {
  readonly bytes: number | undefined;
  /** Of the run; policy's where it isn't said. */
  readonly seconds: number | undefined;
};

/** Runs a bundle as a service would, on the public corpus: same gates, same containers, a log that is thrown away. */
export async function score(environment: Config, path: string, options: ScoreOptions, output: Output): Promise<number> {
  const dataDir = await mkdtemp(join(tmpdir(), 'prism-score-'));
  try {
    const config = scoreConfig(environment, dataDir, options);
    const id = await withLocalService(config, async (client) => {
      const received = await handIn(client, path, 'local');
      await waitFor(client, received.id, (changed) => output.note(describeSubmission(changed)));
      return received.id;
    });
    return await reportScore(config, id, output);
  } finally {
    await rm(dataDir, { recursive: true, force: true });
  }
}

/** The environment's policy, over a stream of another length, without reruns, and on its first slot alone. */
export function scoreConfig(environment: Config, dataDir: string, { bytes, seconds }: ScoreOptions): Config {
  const [slot] = environment.slots;
  if (slot === undefined) throw new CommandError(exitCodes.usage, 'PRISM_SLOTS names no slot to run on.');
  const { limits, integrity } = policySchema.parse(environment.initialPolicy);
  const budgetSeconds = seconds ?? limits.budgetSeconds;
  const initialPolicy = {
    ...environment.initialPolicy,
    streamBytes: bytes ?? defaultStreamBytes,
    deviceClasses: [slot.deviceClass],
    limits: {
      ...limits,
      budgetSeconds,
      timeoutSeconds: limits.timeoutSeconds + budgetSeconds - limits.budgetSeconds,
      memoryBytes: Math.min(limits.memoryBytes, slot.memoryBytes),
    },
    integrity: { ...integrity, reruns: { ...integrity.reruns, mode: 'off' as const } },
  };
  const checked = policySchema.safeParse(initialPolicy);
  if (!checked.success) {
    const [issue] = checked.error.issues;
    throw new CommandError(exitCodes.usage, `${issue?.path.join('.')}: ${issue?.message}`);
  }
  return {
    ...environment,
    ...{ dataDir, initialPolicy, logUrl: `sqlite:${dataDir}`, blobsUrl: 'files' },
    ...{ cutSecretFile: join(dataDir, 'cut-secret'), slots: [slot], instance: null },
  };
}

/** Tells how a settled submission did. 1 where it wasn't scored. */
export async function reportScore(config: Config, id: string, output: Output): Promise<number> {
  const storage = await openStorage({ ...storageLocation(config), readOnly: true });
  try {
    const history = await submissionHistory(storage, id);
    const manifest = await bytesOf(storage, scoreAttempt(history)?.manifest ?? null);
    const report = scoreReport(history, manifest === null ? null : parseManifest(manifest));
    const printed = await bytesOf(storage, last(history, 'AttemptFailed')?.data.log ?? null);
    if (printed !== null) output.note(`the end of what it printed:\n${printed.toString().trimEnd()}\n`);
    output.result(report, () => describeReport(report));
    return exitCodeOf(report);
  } finally {
    await storage.close();
  }
}

async function bytesOf({ blobs }: Storage, reference: BlobReference | null): Promise<Buffer | null> {
  return reference === null ? null : buffer(await blobs.open(reference.sha256));
}

/** Attempts that ran out were ours. */
function exitCodeOf({ verdict, reason }: ScoreReport): number {
  if (reason?.code === 'attemptsExhausted') return exitCodes.fault;
  return verdict === 'completed' ? exitCodes.ok : exitCodes.negative;
}

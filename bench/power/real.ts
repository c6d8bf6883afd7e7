import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { z } from 'zod';
import { scoreAnswer, submissionAnswer } from '../../cli/answers.ts';
import { handIn, waitFor } from '../../cli/commands/submit.ts';
import { withLocalService } from '../../cli/local-service.ts';
import { packageRoot } from '../../cli/package-root.ts';
import type { ServiceClient } from '../../cli/service-client.ts';
import { type Config, readConfig } from '../../config.ts';
import { expectedDecoys } from '../../domain/integrity/placement.ts';
import { rerunDensity } from '../../domain/integrity/rerun-plan.ts';
import { policySchema } from '../../domain/policy/policy.ts';
import { holdMachineLock } from '../../test/executor/machine-lock.ts';
import { withBenchFolder } from '../bench-folder.ts';
import { normalShare, reportRate } from './rates.ts';

/**
 * Real contestants: bundles that are handed in to a real service, run in real containers on the demo's stream, and rerun. A cheat is _open_: it
 * claims in a rerun what it has claimed, and is met by equality; or it _replays_ what it answered to decoys, so that only the blind mean and
 * its unconfirmed score speak against it.
 */
type Contestant = {
  readonly name: string;
  /** Share of positions that it looks ahead at. */
  readonly peeks: number;
  /** By which share it claims less than it pays. */
  readonly shades: number;
  readonly replays: boolean;
};

const rows = 16;
const length = 64;
const memoryBytes = 2 * 2 ** 30;
const { integrity } = policySchema.parse({});

const honest: Contestant = { name: 'honest', peeks: 0, shades: 0, replays: false };
const cheats: readonly Contestant[] = [
  ...[1, 0.1, 0.01, 0.002, 0.0005].map((peeks) => ({
    name: `peeking at ${100 * peeks} % of positions`,
    peeks,
    shades: 0,
  })),
  ...[0.1, 0.01].map((shades) => ({ name: `shading by ${100 * shades} %`, peeks: 0, shades })),
].flatMap((cheat) => [
  { ...cheat, replays: false },
  { ...cheat, replays: true },
]);

export async function realContestants(quick: boolean): Promise<void> {
  const [streamBytes, trials] = quick ? [65_536, 1] : [250_000, 2];
  await withBenchFolder(async (folder) => {
    const unlock = await holdMachineLock();
    try {
      await withLocalService(configOf(folder, streamBytes), async (client) => {
        const ended = await everybody(client, folder, trials);
        const where = `B ${rows} T ${length} ${streamBytes.toExponential()} bytes`;
        reportHonest(await ended(honest), where);
        for (const cheat of cheats) reportCheat(cheat, await ended(cheat), await ended(honest), where, streamBytes);
      });
    } finally {
      await unlock();
    }
  });
}

function configOf(folder: string, streamBytes: number): Config {
  const dataDir = join(folder, 'service');
  const gates = { static: 'off', parameters: 'off', distributed: 'off', duplicate: 'off' } as const;
  return {
    ...readConfig({ PRISM_DATA_DIR: dataDir, PRISM_SLOTS: 'cpu0=0,cpu1=1', PRISM_SLOT_MEMORY: String(memoryBytes) }),
    initialPolicy: {
      ...{ streamBytes, gates, seedAudit: 'off', heldOut: { mode: 'off' }, deviceClasses: ['cpu'] },
      integrity: { reruns: { mode: 'all' } },
      limits: { memoryBytes, artifactsBytes: 2 ** 26 },
    },
  };
}

const endSchema = submissionAnswer.extend({
  reason: z.looseObject({ code: z.string() }).nullable(),
  score: scoreAnswer.nullable(),
});
type End = z.infer<typeof endSchema>;

/** Hands in every trial of every contestant; what that answers waits for one contestant's ends. */
async function everybody(client: ServiceClient, folder: string, trials: number) {
  const ids = new Map<Contestant, string[]>();
  for (const contestant of [honest, ...cheats]) {
    const received: string[] = [];
    for (let trial = 0; trial < trials; trial += 1) {
      const name = `${basename(folder)}-${ids.size}-${trial}`;
      const bundle = await writeBundle(join(folder, name), contestant, trial);
      received.push((await handIn(client, bundle, name)).id);
    }
    ids.set(contestant, received);
  }
  return async (contestant: Contestant): Promise<readonly End[]> => {
    const ends: End[] = [];
    for (const id of ids.get(contestant) ?? []) {
      await waitFor(client, id, () => {});
      ends.push(await client.get(`/v1/submissions/${id}`, endSchema));
    }
    return ends;
  };
}

async function writeBundle(folder: string, { peeks, shades, replays }: Contestant, trial: number): Promise<string> {
  const own = ['architecture.py', 'training.py'].map((name) => join('bench/power/bundle', name));
  const shared = ['loop.py', 'peeking.py', 'recurrent.py'].map((name) => join('test/adversarial/bundles/shared', name));
  await mkdir(folder);
  for (const path of [...own, ...shared]) await copyFile(join(packageRoot, path), join(folder, basename(path)));
  const boldness = { SEED: trial * 1_000_000, PEEKS: peeks, SHADES: shades, REPLAYS: replays ? 'True' : 'False' };
  const lines = Object.entries(boldness).map(([name, value]) => `${name} = ${value}\n`);
  await writeFile(join(folder, 'boldness.py'), lines.join(''));
  return folder;
}

function reportHonest(ends: readonly End[], where: string): void {
  reportRate(`real, honest, confirmed, ${where}`, ends.length, 1, (trial) => {
    return ends[trial]?.score?.confirmation === 'confirmed';
  });
}

function reportCheat(
  cheat: Contestant,
  ends: readonly End[],
  ofHonest: readonly End[],
  where: string,
  streamBytes: number,
): void {
  const what = cheat.replays ? 'replaying, gains nothing' : 'openly, found';
  const stated = cheat.replays ? normalShare(2) : foundByRerun(cheat, streamBytes);
  reportRate(`real, ${cheat.name}, ${what}, ${where}`, ends.length, stated, (trial) => {
    const [end, twin] = [ends[trial], ofHonest[trial]];
    if (end?.reason?.code === 'causality' || end?.reason?.code === 'integrity') return true;
    const counted = end?.score?.counted_bpb ?? Number.NEGATIVE_INFINITY;
    return cheat.replays && counted >= (twin?.score?.bits_per_byte ?? Number.POSITIVE_INFINITY);
  });
}

/** The chance that one of a rerun's cuts is at a position that was looked ahead at. */
function foundByRerun({ peeks, shades }: Contestant, streamBytes: number): number {
  const inBatch = rows * (length - 1);
  const batches = Array.from({ length: Math.floor(streamBytes / inBatch) }, (_, index) => ({
    ...{ rows, coveredBytes: (index + 1) * inBatch },
  }));
  const decoys = expectedDecoys(batches, rerunDensity(integrity.rerun, length));
  return shades > 0 ? 1 : 1 - (1 - peeks) ** (rows * decoys.reduce((sum, lambda) => sum + lambda, 0));
}

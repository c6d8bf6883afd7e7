import type { Contestant } from '../../../bench/power/contestants.ts';
import { evenShape, type Population, population, type Shape, temper } from '../../../bench/power/population.ts';
import { bytes } from '../../../bench/power/random.ts';
import { cutsOf, recordOf } from '../../../bench/power/simulate.ts';
import { type Examination, examine } from '../../../domain/integrity/examination.ts';
import type { Density } from '../../../domain/integrity/placement.ts';
import type { RunCuts, RunRecord } from '../../../domain/integrity/record.ts';

/** Policy's defaults (CONTRACT §2). */
export const runDensity: Density = { cutsPerMegabyte: 1_000, framesPerBatch: 0.25 };
export const rerunDensity: Density = { cutsPerMegabyte: 8_000, framesPerBatch: 1 };
export const bounds = { equalityBoundMicroNats: 50_000, standardErrors: 4 };

/** Batches of one shape after the other. */
export const segments = (...parts: readonly (readonly [rows: number, length: number, count: number])[]) =>
  parts.flatMap(([rows, length, count]) => Array.from({ length: count }, () => ({ rows, length })));

/** Streams of honest runs: small and large batches, heavier tails, and a run that changes its batches twice. */
export const populations: Readonly<Record<string, Population>> = {
  'B 16, T 64': population(evenShape(16, 64, 125_000), 11, temper),
  'B 4, T 128, heavier tails': population(evenShape(4, 128, 80_000), 12, { ...temper, tail: 1.7 }),
  'B 64, T 17, a long fall': population(evenShape(64, 17, 160_000), 13, { ...temper, halfLife: 60 }),
  'B and T that change, four bytes a token': population(changing(), 14, { ...temper, unevenness: 0.3 }),
};

function changing(): Shape {
  return { batches: segments([4, 64, 80], [32, 17, 60], [2, 512, 60]), vocab: 4_096, bytesPerToken: 4 };
}

export function populationOf(name: string): Population {
  const found = populations[name];
  if (found === undefined) throw new Error(`no population ${name}`);
  return found;
}

/** One attempt of a contestant and how it was examined; trials differ by their cut keys. */
export function attempt(
  people: Population,
  contestant: Contestant,
  density: Density,
  trial: number,
  replays: boolean,
): { readonly record: RunRecord; readonly cuts: RunCuts } {
  const record = recordOf(people, contestant);
  const cutKey = bytes(32, 99, trial);
  return { record, cuts: cutsOf(people, contestant, record, density, cutKey, replays) };
}

/** A run of a contestant that replays at the cuts what it answered blind. */
export function examined(people: Population, contestant: Contestant, trial: number, replays = true): Examination {
  const { record, cuts } = attempt(people, contestant, runDensity, trial, replays);
  return examine(record, cuts, bounds);
}

export function rerun(people: Population, contestant: Contestant, trial: number, density = rerunDensity): Examination {
  const { record, cuts } = attempt(people, contestant, density, trial, false);
  return examine(record, cuts, bounds, record);
}

/** Share of trials in which something holds. */
export function share(trials: number, holds: (trial: number) => boolean): number {
  return Array.from({ length: trials }, (_, trial) => holds(trial)).filter(Boolean).length / trials;
}

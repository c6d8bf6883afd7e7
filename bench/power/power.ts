import { prepareRuntime, releaseRuntime } from '../../cli/runtime.ts';
import { readConfig } from '../../config.ts';
import { type Examination, examine } from '../../domain/integrity/examination.ts';
import type { Density } from '../../domain/integrity/placement.ts';
import { rerunDensity } from '../../domain/integrity/rerun-plan.ts';
import { policySchema } from '../../domain/policy/policy.ts';
import { withBenchFolder } from '../bench-folder.ts';
import type { BenchOptions } from '../main.ts';
import { printMethod } from '../report.ts';
import { type Contestant, honest, peeking, peekingInBatches, shading } from './contestants.ts';
import { evenShape, type Population, population, temper } from './population.ts';
import { bytes } from './random.ts';
import { normalShare, reportRate } from './rates.ts';
import { realContestants } from './real.ts';
import { cutsOf, recordOf } from './simulate.ts';
import { textPopulation } from './text.ts';

/**
 * Whether the tests find as much, and accuse as few, as docs/integrity.md states: contestants of graded boldness, simulated before the real
 * arithmetic of `domain/integrity` with real cut keys; the same on costs of a real model on real text; and then real ones in containers. A value
 * is a share of trials; its baseline is what is stated.
 */

const { integrity } = policySchema.parse({});
/** Honest runs that the tests of means accuse at most, as docs/integrity.md states it. */
const statedFalseAlarms = 0.001;
const passedOnceInTwenty = 0.95;

type Setting = {
  readonly name: string;
  readonly people: Population;
  readonly honestTrials: number;
  readonly trials: number;
};

export async function power({ quick, only }: BenchOptions): Promise<void> {
  const method =
    "simulated contestants (log-normal token costs, falling learning curve, uneven lanes) before the real tests, the same on what a GRU of 64 pays for the demo's stream, and real ones (that GRU) in containers; value: share of trials, baseline: as stated";
  const trials = quick ? 60 : 300;
  printMethod('power', method, trials);
  const isWanted = (name: string) => only === null || name.startsWith(only);
  if (isWanted('simulated')) simulatedContestants(quick, trials);
  if (isWanted('text')) await contestantsOnText(quick, trials);
  if (isWanted('real')) await realContestants(quick);
}

/** B and T at the demo's stream. */
function shapesOf(quick: boolean) {
  const shapes = [
    [16, 64],
    [4, 128],
    [64, 32],
    [8, 512],
    [16, 256],
  ] as const;
  return quick ? shapes.slice(0, 2) : shapes;
}

function simulatedContestants(quick: boolean, trials: number): void {
  for (const [rows, length] of shapesOf(quick)) {
    measure(settingOf(rows, length, 250_000, quick ? 500 : 4_000, trials));
  }
  if (quick) return;
  for (const [rows, length] of [
    [16, 256],
    [64, 512],
  ] as const) {
    measure(settingOf(rows, length, 100_000_000, 60, 12));
  }
}

function contestantsOnText(quick: boolean, trials: number): Promise<void> {
  return withBenchFolder(async (folder) => {
    const streamBytes = 250_000;
    try {
      const { runner } = await prepareRuntime(readConfig({ PRISM_DATA_DIR: folder }));
      for (const [rows, length] of shapesOf(quick)) {
        const people = await textPopulation(runner, rows, length, streamBytes);
        const name = `on text, ${nameOf(rows, length, streamBytes)}`;
        measure({ name, people, honestTrials: quick ? 500 : 4_000, trials });
      }
    } finally {
      await releaseRuntime();
    }
  });
}

function nameOf(rows: number, length: number, streamBytes: number): string {
  return `B ${rows} T ${length} ${streamBytes.toExponential()} bytes`;
}

function settingOf(rows: number, length: number, streamBytes: number, honestTrials: number, trials: number): Setting {
  const people = population(evenShape(rows, length, streamBytes), 17, temper);
  return { name: nameOf(rows, length, streamBytes), people, honestTrials, trials };
}

function measure(setting: Setting): void {
  falseAlarms(setting);
  for (const share of [1, 0.1, 0.01, 0.002, 0.0005]) peekingCases(setting, share);
  for (const share of [0.1, 0.01]) shadingCases(setting, share);
  statedAdvantage(setting);
  inBatches(setting);
}

/** Honest contestants: how many pass. */
function falseAlarms(setting: Setting): void {
  const { honestTrials } = setting;
  report(setting, 'honest run, not accused', honestTrials, 1 - statedFalseAlarms, (trial) => {
    return !isHeld(examined(setting, honest, trial));
  });
  report(setting, 'unconfirmed, counts no less than it pays', honestTrials, normalShare(2), (trial) => {
    const { blind } = examined(setting, honest, trial);
    return blind === null || blind.excessStandardErrors >= -2;
  });
  report(setting, 'honest rerun, confirmed', setting.trials, 1 - statedFalseAlarms, (trial) => {
    return repeated(setting, honest, trial).rerun?.verdict === 'confirmed';
  });
}

/** Who looks ahead replays its blind answers wherever its run showed it a cut; a rerun's cuts come too late for that. */
function peekingCases(setting: Setting, share: number): void {
  const { name } = peeking(share, 0);
  const gain = gainOf(setting, peeking(share, 0));
  const stated = mean(
    standardErrors(setting).map((error) => (error === null ? 0 : normalShare(gain / error - integrity.standardErrors))),
  );
  const isFound = (trial: number) => isHeld(examined(setting, peeking(share, trial), trial));
  if (stated > 0.01) report(setting, `${name}, found by the blind mean`, setting.trials, stated, isFound);
  else report(setting, `${name}, beyond the blind mean`, setting.trials, 1 - stated, (trial) => !isFound(trial));
  const { cuts } = repeated(setting, honest, 0);
  report(setting, `${name}, found by a rerun`, setting.trials, 1 - (1 - share) ** cuts, (trial) =>
    isContradicted(repeated(setting, peeking(share, trial), trial)),
  );
}

/** Of the blind mean in every trial, in bits a byte; null where there are too few decoys for a verdict. */
function standardErrors(setting: Setting): readonly (number | null)[] {
  return Array.from({ length: setting.trials }, (_, trial) => {
    return examined(setting, honest, trial).blind?.standardErrorBpb ?? null;
  });
}

/** Who shades openly is met by equality or by the direction of its differences; who hides it, by a rerun. */
function shadingCases(setting: Setting, share: number): void {
  const contestant = shading(share);
  report(setting, `${contestant.name}, found in the run`, setting.trials, 1, (trial) => {
    const found = examined(setting, contestant, trial, false);
    return found.exceedingCuts > 1 || isHeld(found);
  });
  report(setting, `${contestant.name}, hidden, found by a rerun`, setting.trials, 1, (trial) =>
    isContradicted(repeated(setting, contestant, trial)),
  );
}

/** A cheat with just the advantage that its own examination says would pass once in twenty times. */
function statedAdvantage(setting: Setting): void {
  const all = gainOf(setting, peeking(1, 0));
  const boldness = Array.from({ length: setting.trials }, (_, trial) => {
    const { undetectedBpb } = examined(setting, honest, trial);
    return { trial, share: undetectedBpb === null ? null : undetectedBpb / all };
  }).flatMap(({ trial, share }) => (share === null || share >= 1 ? [] : [{ trial, share }]));
  if (boldness.length === 0) return;
  report(setting, 'the advantage that a run states, found', boldness.length, passedOnceInTwenty, (index) => {
    const { trial, share } = boldness[index] ?? { trial: 0, share: 0 };
    return isHeld(examined(setting, peeking(share, trial), trial));
  });
}

/** A hundredth of the batches, and at least three. */
function inBatches(setting: Setting): void {
  const share = Math.max(0.01, 3 / setting.people.shape.batches.length);
  const isIdle = (trial: number) => gainOf(setting, peekingInBatches(share, trial)) === 0;
  const stated = 1 - (1 - share) ** setting.people.shape.batches.length;
  report(setting, 'peeking in whole batches, found by a rerun', setting.trials, stated, (trial) =>
    isIdle(trial) ? false : isContradicted(repeated(setting, peekingInBatches(share, trial), trial)),
  );
}

function examined({ people }: Setting, contestant: Contestant, trial: number, replays = true): Examination {
  const record = recordOf(people, contestant);
  const cuts = cutsOf(people, contestant, record, integrity.run, bytes(32, 1, trial), replays);
  return examine(record, cuts, integrity);
}

function repeated({ people }: Setting, contestant: Contestant, trial: number): Examination {
  const record = recordOf(people, contestant);
  const density: Density = rerunDensity(integrity.rerun, people.shape.batches[0]?.length ?? 0);
  return examine(record, cutsOf(people, contestant, record, density, bytes(32, 2, trial), false), integrity, record);
}

/** Bits a byte that a contestant claims less than it would honestly be charged. */
function gainOf({ people }: Setting, contestant: Contestant): number {
  const [claimed, charged] = [recordOf(people, contestant), recordOf(people, honest)];
  return (charged.totals.microNats - claimed.totals.microNats) / 1e6 / Math.LN2 / charged.streamBytes;
}

function isHeld({ blind, signed }: Examination): boolean {
  const { standardErrors } = integrity;
  return (blind?.excessStandardErrors ?? 0) > standardErrors || (signed?.standardErrors ?? 0) > standardErrors;
}

function isContradicted({ rerun }: Examination): boolean {
  return rerun?.verdict === 'contradicted';
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function report(
  { name }: Setting,
  what: string,
  trials: number,
  stated: number,
  holds: (trial: number) => boolean,
): void {
  reportRate(`${what}, ${name}`, trials, stated, holds);
}

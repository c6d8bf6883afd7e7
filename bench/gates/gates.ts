import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { inspectorProcess } from '../../executor/inspector-process.ts';
import { overlap, type ShingleSet, type Work, wholeOf } from '../../gates/duplicates/shingle-set.ts';
import { withBenchFolder } from '../bench-folder.ts';
import type { BenchOptions } from '../main.ts';
import { median, printCost, printMethod } from '../report.ts';
import { bareParser } from './bare-parser.ts';
import { benchBundles } from './bundles.ts';
import { benchCorpus } from './corpus.ts';
import { benchCourt } from './court.ts';

const python = { python: 'python3', runnerFolder: 'gpu-runner' };
const fewer = 1_000;
/** Rounds until a process runs as a service does that has judged a few hundred bundles. */
const warmUp = 9;

/**
 * From a bundle to the verdict of the gates 1, 2, 4 and 5: beside parsing, unparsing and hashing the same sources in one bare CPython process; and how it
 * grows with the sources that are stored, with an exact scan over all of them beside it. The inspector is a process of the host.
 */
export async function gates({ quick, only }: BenchOptions): Promise<void> {
  const rounds = quick ? 3 : 9;
  const more = quick ? 10_000 : 100_000;
  printMethod(
    'gates',
    'from a zip to the verdict of gates 1, 2, 4 and 5, one bundle after the other, alternating; bundles of the honest corpus; case bare after nine rounds of warming up, in three times as many; inspector on the host; stored sets are in memory',
    rounds,
  );
  const wants = (name: string) => only === null || name.startsWith(only);
  const inspector = inspectorProcess(python);
  try {
    await withBenchFolder(async (folder) => {
      if (wants('bare')) await bare(folder, inspector, 3 * rounds);
      if (wants('growth')) await growth(folder, inspector, rounds, more);
    });
  } finally {
    await inspector.close();
  }
}

type BenchInspector = ReturnType<typeof inspectorProcess>;
type Court = Awaited<ReturnType<typeof benchCourt>>;

async function courtIn(folder: string, name: string, inspector: BenchInspector): Promise<Court> {
  await mkdir(join(folder, name));
  return benchCourt(join(folder, name), inspector);
}

const noBlobs = {
  open: () => Promise.reject(new Error('nothing is stored')),
};

async function bare(folder: string, inspector: BenchInspector, rounds: number): Promise<void> {
  const court = await courtIn(folder, 'bare', inspector);
  const parser = bareParser();
  const bundles = benchBundles();
  const [ours, theirs]: [number[], number[]] = [[], []];
  for (let round = -warmUp; round < rounds; round += 1) {
    for (const [at, { archive, sources }] of bundles.entries()) {
      const id = `${round} ${at}`;
      const judged = await timed(() => court.judge(id, archive, noBlobs));
      court.forget(id);
      const parsed = await timed(() => parser.parse(sources));
      if (round < 0) continue;
      ours.push(judged);
      theirs.push(parsed);
    }
  }
  await parser.close();
  court.close();
  const baseline = 'parse, unparse and hash the same sources in one bare CPython process';
  for (const [name, share] of [
    ['bare', 0.5],
    ['bare p99', 0.99],
  ] as const) {
    const value = quantile(ours, share);
    printCost({ bench: 'gates', case: name, value, unit: 'ms', baseline, baselineValue: quantile(theirs, share) });
  }
}

async function growth(folder: string, inspector: BenchInspector, rounds: number, more: number): Promise<void> {
  const bundles = benchBundles();
  const [small, large] = [await courtIn(folder, 'small', inspector), await courtIn(folder, 'large', inspector)];
  const works: Work[] = [];
  for (const [at, { archive }] of bundles.entries()) {
    await small.judge(`own ${at}`, archive, noBlobs);
    works.push(small.forget(`own ${at}`));
  }
  const corpus = benchCorpus(works);
  small.store(corpus, 0, fewer);
  for (let from = 0; from < more; from += fewer) large.store(corpus, from, from + fewer);

  const [inSmall, inLarge]: [number[], number[]] = [[], []];
  for (let round = -1; round < rounds; round += 1) {
    for (const [at, { archive }] of bundles.entries()) {
      const id = `${round} ${at}`;
      const few = await timed(() => small.judge(id, archive, corpus.blobs));
      const many = await timed(() => large.judge(id, archive, corpus.blobs));
      for (const court of [small, large]) court.forget(id);
      if (round < 0) continue;
      inSmall.push(few);
      inLarge.push(many);
    }
  }
  small.close();
  large.close();
  for (const [name, share] of [
    ['growth', 0.5],
    ['growth p99', 0.99],
  ] as const) {
    printCost({
      ...{
        bench: 'gates',
        case: name,
        unit: 'ms',
        value: quantile(inLarge, share),
        baselineValue: quantile(inSmall, share),
      },
      baseline: `the same at ${fewer} stored sources; here ${more}`,
    });
  }
  for (const [size, ours] of [
    [fewer, inSmall],
    [more, inLarge],
  ] as const) {
    const sets = Array.from({ length: size }, (_, number) => wholeOf(corpus.workOf(number)));
    const scans = works.slice(0, 5).map((work) => scanned(wholeOf(work), sets));
    printCost({
      ...{
        bench: 'gates',
        case: `${size} sources`,
        unit: 'ms',
        value: quantile(ours, 0.5),
        baselineValue: median(scans),
      },
      baseline: 'an exact scan over all pairs, sets in memory, without the other gates',
    });
  }
}

/** Milliseconds that it takes to find the most alike of all sets by looking at each. */
function scanned(set: ShingleSet, sets: readonly ShingleSet[]): number {
  const started = performance.now();
  let best = 0;
  for (const other of sets) {
    const { left, right, common } = overlap(set, other);
    best = Math.max(best, common / (left + right - common));
  }
  if (best === 0) throw new Error('nothing is alike');
  return performance.now() - started;
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await work();
  return performance.now() - started;
}

function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((left, right) => left - right);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

import { benchEvents, inParts } from '../bench-events.ts';
import type { BenchOptions } from '../main.ts';
import { median, printMethod, printRate } from '../report.ts';
import { bareLoop } from './bare-loop.ts';
import { emmett, installEmmett } from './emmett.ts';
import { eventLog } from './event-log.ts';

type Case = {
  readonly name: string;
  readonly ours: () => Promise<number>;
  readonly baseline: string;
  readonly bare: () => Promise<number>;
};

const bareName = 'bare better-sqlite3 loop, same table';

/** Durable events a second: WAL, synchronous=FULL, each acknowledged after its fsync. Files are new in every round. */
export async function append({ quick, only }: BenchOptions): Promise<void> {
  const rounds = quick ? 5 : 15;
  const method = 'synchronous=FULL; a new file a round, warmed up by 400 appends; ours and baseline in turn; medians';
  printMethod('append', method, rounds);
  for (const { name, ours, baseline, bare } of await casesOf(only)) {
    const figures: { ours: number[]; bare: number[] } = { ours: [], bare: [] };
    for (let round = 0; round <= rounds; round += 1) {
      const both = { ours: await ours(), bare: await bare() };
      if (round === 0) continue;
      figures.ours.push(both.ours);
      figures.bare.push(both.bare);
    }
    printRate({
      bench: 'append',
      case: name,
      value: median(figures.ours),
      unit: 'events/s',
      baseline,
      baselineValue: median(figures.bare),
    });
  }
}

async function casesOf(only: string | null): Promise<readonly Case[]> {
  const batches = [
    { size: 1, count: 1_000 },
    { size: 10, count: 400 },
    { size: 100, count: 100 },
  ].map(({ size, count }): Case => {
    const parts = () => inParts(benchEvents('submission-bench', size * count), size);
    return {
      name: `batch ${size}`,
      ours: () => eventLog([parts()]),
      baseline: `${bareName}, same batch`,
      bare: () => bareLoop(parts()),
    };
  });
  const concurrent = [
    { writers: 1, each: 1_000 },
    { writers: 8, each: 400 },
    { writers: 64, each: 150 },
  ].map(({ writers, each }): Case => {
    const singles = (writer: number) => inParts(benchEvents(`submission-${writer}`, each), 1);
    return {
      name: `concurrent ${writers}`,
      ours: () => eventLog(Array.from({ length: writers }, (_, writer) => singles(writer))),
      baseline: `${bareName}, one event a transaction`,
      bare: () => bareLoop(inParts(benchEvents('submission-bench', 1_000), 1)),
    };
  });
  const isWanted = ({ name }: { readonly name: string }) => only === null || name.startsWith(only);
  const own = [...batches, ...concurrent].filter(isWanted);
  return isWanted({ name: 'single' }) ? [...own, await singleCase()] : own;
}

async function singleCase(): Promise<Case> {
  const installed = await installEmmett();
  return {
    name: 'single',
    ours: () => eventLog([inParts(benchEvents('submission-bench', 1_000), 1)]),
    baseline: 'emmett-sqlite 0.42.4, one event an append',
    bare: () => emmett(installed, 100),
  };
}

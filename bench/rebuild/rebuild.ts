import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { openStorage } from '../../storage/open-storage.ts';
import { fillLog } from '../../test/projections/long-history.ts';
import type { BenchOptions } from '../main.ts';
import { median, printCost, printMethod, printRate } from '../report.ts';

type Run = { readonly seconds: number; readonly peakBytes: number };
type Measured = { readonly events: number; readonly rate: number; readonly peakBytes: number };

/**
 * All read models from zero: events a second, beside a bare loop that reads, parses and does the same upserts; then how both the
 * rate and the memory at several times as many events compare. Every run is a process of its own, and the two alternate.
 */
export async function rebuild({ quick }: BenchOptions): Promise<void> {
  const [fewer, more] = quick ? [50_000, 200_000] : [100_000, 1_000_000];
  const rounds = 3;
  printMethod('rebuild', 'all projections from zero, a process a run, alternating, medians', rounds);
  const folder = await mkdtemp(join(process.cwd(), '.prism-bench-'));
  try {
    const small = await measure(folder, fewer, rounds);
    const large = await measure(folder, more, rounds);
    printRate({
      ...{ bench: 'rebuild', case: 'growth', unit: 'events/s', value: large.rate, baselineValue: small.rate },
      baseline: `the same at ${small.events} events`,
    });
    printCost({
      ...{ bench: 'rebuild', case: 'memory', unit: 'MiB', value: mebibytes(large), baselineValue: mebibytes(small) },
      baseline: `peak resident memory at ${small.events} events`,
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function mebibytes({ peakBytes }: Measured): number {
  return peakBytes / 2 ** 20;
}

async function measure(folder: string, wanted: number, rounds: number): Promise<Measured> {
  const events = await fill(folder, wanted);
  const ours: Run[] = [];
  const bare: Run[] = [];
  for (let round = 0; round < rounds; round += 1) {
    ours.push(await run('ours', folder));
    bare.push(await run('bare', folder));
  }
  const rateOf = (runs: readonly Run[]) => events / median(runs.map(({ seconds }) => seconds));
  const rate = rateOf(ours);
  printRate({
    ...{ bench: 'rebuild', case: `${wanted} events`, unit: 'events/s', value: rate, baselineValue: rateOf(bare) },
    baseline: 'bare loop: read, parse, the same upserts, WAL, a commit every 1000 events',
  });
  return { events, rate, peakBytes: median(ours.map(({ peakBytes }) => peakBytes)) };
}

async function fill(folder: string, events: number): Promise<number> {
  const { log, close } = await openStorage({ dataDir: folder });
  await fillLog(log, events);
  const head = await log.head();
  await close();
  return head;
}

async function run(how: 'ours' | 'bare', folder: string): Promise<Run> {
  const target = await mkdtemp(join(folder, 'run-'));
  const program = join(import.meta.dirname, 'run-once.js');
  const child = fork(program, [how, folder, join(target, 'read-models.sqlite')], { stdio: ['ignore', 2, 2, 'ipc'] });
  const exited = once(child, 'exit');
  const [result]: Run[] = await Promise.race([once(child, 'message'), exited.then(() => [])]);
  await exited;
  await rm(target, { recursive: true });
  if (result === undefined) throw new Error(`a run of ${how} ended without a result`);
  return result;
}

import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import type { EventLog } from '../../domain/ports/event-log.ts';
import { openStorage } from '../../storage/open-storage.ts';
import { benchEvents, inParts } from '../bench-events.ts';
import { withBenchFolder } from '../bench-folder.ts';
import type { BenchOptions } from '../main.ts';
import { median, printCost, printMethod } from '../report.ts';
import { byPolling, bySubscription, type Follow, nowNs, type OnDelivery, pollPeriodMs } from './follow.ts';

type Latencies = { readonly p50: number; readonly p99: number };

/**
 * From the moment at which the writer knows that an event is durable to the moment at which a subscriber has it. Events come singly, at random
 * times. The baseline, a poller, follows the same events at the same time.
 */
export async function subscribe({ quick, only }: BenchOptions): Promise<void> {
  const rounds = quick ? 3 : 7;
  const events = quick ? 200 : 500;
  const method = `${events} events a round, one every 5 to 15 ms, both followers on the same events; medians of the rounds`;
  printMethod('subscribe', method, rounds);
  for (const [place, followers] of Object.entries(places)) {
    if (only !== null && !place.startsWith(only)) continue;
    const figures: { ours: Latencies; polled: Latencies }[] = [];
    for (let round = 0; round < rounds; round += 1) figures.push(await measure(events, followers));
    for (const quantile of ['p50', 'p99'] as const) {
      printCost({
        bench: 'subscribe',
        case: `${place} ${quantile}`,
        value: median(figures.map(({ ours }) => ours[quantile])),
        unit: 'ms',
        baseline: `a query for new rows every ${pollPeriodMs} ms`,
        baselineValue: median(figures.map(({ polled }) => polled[quantile])),
      });
    }
  }
}

type Followers = (dataDir: string, log: EventLog) => { readonly ours: Follow; readonly polled: Follow };

const places: Readonly<Record<string, Followers>> = {
  'in process': (dataDir, log) => ({ ours: bySubscription(log), polled: byPolling(dataDir) }),
  'across processes': (dataDir) => ({
    ours: (onDelivery) => inAnotherProcess('subscription', dataDir, onDelivery),
    polled: (onDelivery) => inAnotherProcess('polling', dataDir, onDelivery),
  }),
};

function measure(events: number, followers: Followers): Promise<{ ours: Latencies; polled: Latencies }> {
  return withBenchFolder(async (dataDir) => {
    const { log, close } = await openStorage({ dataDir });
    const ours = new Map<number, number>();
    const polled = new Map<number, number>();
    const follow = followers(dataDir, log);
    const stops = [
      await follow.ours((position, atNs) => ours.set(position, atNs)),
      await follow.polled((position, atNs) => polled.set(position, atNs)),
    ];
    const durable = await appendSlowly(log, events);
    while (ours.size < events || polled.size < events) await delay(pollPeriodMs);
    for (const stop of stops) await stop();
    await close();
    return { ours: latencies(durable, ours), polled: latencies(durable, polled) };
  });
}

/** By position, when the writer was told. */
async function appendSlowly(log: EventLog, events: number): Promise<ReadonlyMap<number, number>> {
  const durable = new Map<number, number>();
  for (const [event] of inParts(benchEvents('submission-bench', events), 1)) {
    if (event === undefined) continue;
    const result = await log.append(event.stream, 'any', [event]);
    if (result.kind === 'appended') durable.set(result.position, nowNs());
    await delay(5 + Math.random() * 10);
  }
  return durable;
}

function latencies(durable: ReadonlyMap<number, number>, seen: ReadonlyMap<number, number>): Latencies {
  const all = [...durable].map(([position, atNs]) => ((seen.get(position) ?? Number.NaN) - atNs) / 1e6);
  const sorted = all.toSorted((left, right) => left - right);
  const quantile = (share: number) =>
    sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
  return { p50: quantile(0.5), p99: quantile(0.99) };
}

const deliverySchema = z.object({ position: z.number(), atNs: z.number() });

async function inAnotherProcess(way: string, dataDir: string, onDelivery: OnDelivery) {
  const program = join(import.meta.dirname, 'follower.js');
  const child = fork(program, [way, dataDir], { stdio: ['ignore', 2, 2, 'ipc'] });
  await once(child, 'message');
  child.on('message', (message) => {
    const { position, atNs } = deliverySchema.parse(message);
    onDelivery(position, atNs);
  });
  return async () => {
    const exited = once(child, 'exit');
    child.send('stop');
    await exited;
  };
}

/**
 * Watches one attempt from the referee's start to the end of both containers, and says what happened.
 *
 * The main line: referee up, contestant up, one of them ends, the other one follows within a bounded time or is killed.
 * Beside it the deadline, a frame without an answer and a flood of output may pull the kill switch, and the caller's
 * signal ends the watching (it kills nothing: the caller clears up).
 *
 * Does not: read files of the referee, or judge.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { ContainerEngine } from './container-engine.ts';
import type { Pair } from './container-pair.ts';
import { readKillIntent } from './kill-intent-note.ts';
import { type RefereeSignals, refereeSignals } from './referee-signals.ts';
import {
  bringUp,
  ended,
  type Observed,
  observe,
  type SupervisionPlan,
  settles,
  type Watching,
  watch,
  watchContestant,
} from './watching.ts';

const socketPath = '/channel/referee.sock';

export async function supervise(engine: ContainerEngine, pair: Pair, plan: SupervisionPlan): Promise<Observed> {
  const { names, wasAdopted } = pair;
  const signals = refereeSignals(plan.onProgress);
  const watched = {
    ...{ engine, names, plan },
    noted: wasAdopted ? await readKillIntent(engine, names.referee) : null,
    onRefereeLine: signals.take,
    isConnected: () => signals.isConnected() || (wasAdopted ? null : false),
  };
  return watch(watched, (watching) => follow(watching, pair, signals));
}

/** The main line. */
async function follow(watching: Watching, pair: Pair, signals: RefereeSignals): Promise<Observed> {
  const { engine, plan, kill, signal } = watching;
  const { referee, contestant } = pair.names;
  await bringUp(watching, referee, pair.referee, watching.refereeTap);
  const refereeEnd = ended(engine, referee, signal);
  if (await isReady(watching, pair, signals, refereeEnd))
    await bringUp(watching, contestant, pair.contestant, watching.contestantTap);
  const started = await engine.inspect(contestant);
  if (started?.startedAt == null) {
    await refereeEnd;
    return observe(watching);
  }

  watchContestant(watching, { id: started.id, startedAt: started.startedAt }, signal);
  const contestantEnd = ended(engine, contestant, signal);
  await Promise.race([refereeEnd, contestantEnd]);
  if (!(await settles(refereeEnd, plan.timings.refereeSettleMs, signal))) await kill.pull('refereeHung');
  await refereeEnd;
  if (!(await settles(contestantEnd, plan.timings.contestantSettleMs, signal))) await kill.pull('contestantOutlived');
  await contestantEnd;
  return observe(watching);
}

/** Whether the contestant may start. A referee found running has said its line to nobody: its socket is looked for. */
async function isReady(
  watching: Watching,
  { contestant, referee }: Pair,
  signals: RefereeSignals,
  refereeEnd: Promise<unknown>,
): Promise<boolean> {
  if (contestant?.status !== 'created') return true;
  const ways = [signals.ready.then(() => true), refereeEnd.then(() => false)];
  if (referee?.status === 'running') ways.push(socketAppears(watching));
  const isReady = await Promise.race(ways);
  watching.signal.throwIfAborted();
  return isReady && watching.kill.intent() === null;
}

async function socketAppears({ engine, names, plan, signal }: Watching): Promise<boolean> {
  while (!(await engine.pathExists(names.referee, socketPath))) {
    await delay(plan.timings.socketPollMs, undefined, { signal });
  }
  return true;
}

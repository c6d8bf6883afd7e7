/**
 * Watches a held-out attempt: one referee, and its contestants one after the other.
 *
 * The next contestant starts when the referee waits for it and the one before has ended, so that never two are alive, and none
 * can pass anything on. One that has answered everything may be killed if it lingers: nothing that it does counts any more.
 *
 * Does not: go on with what an earlier life of this service began (`openSeats` starts over), read files, or judge.
 */
import { type AttemptNames, type Seat, seats } from './attempt-names.ts';
import type { ContainerEngine } from './container-engine.ts';
import { type TurnSignals, turnSignals } from './referee-signals.ts';
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

/** The contestants' names in the order of their seats. */
export type Seated = readonly [AttemptNames, ...AttemptNames[]];

export async function superviseInTurn(
  engine: ContainerEngine,
  seated: Seated,
  plan: SupervisionPlan,
): Promise<Observed> {
  const signals = turnSignals();
  let seat: Seat = 0;
  const watched = {
    ...{ engine, names: seated[0], plan, noted: null },
    onRefereeLine: signals.take,
    isConnected: () => signals.isConnected(seat),
  };
  return watch(watched, async (watching) => {
    const { referee } = seated[0];
    await bringUp(watching, referee, await engine.inspect(referee), watching.refereeTap);
    const refereeEnd = ended(engine, referee, watching.signal);
    for (seat of seats.slice(0, seated.length)) {
      watching.names = seated[seat] ?? seated[0];
      if (!(await isAwaited(watching, signals.ready(seat), refereeEnd))) break;
      if (!(await takeTurn(watching, seat, signals, refereeEnd))) break;
    }
    await settle(watching, refereeEnd);
    return observe(watching);
  });
}

async function isAwaited(
  { kill, signal }: Watching,
  ready: Promise<unknown>,
  refereeEnd: Promise<unknown>,
): Promise<boolean> {
  const isReady = await Promise.race([ready.then(() => true), refereeEnd.then(() => false)]);
  signal.throwIfAborted();
  return isReady && kill.intent() === null;
}

/** From the contestant's start to its end; whether it has answered everything. */
async function takeTurn(
  watching: Watching,
  seat: Seat,
  signals: TurnSignals,
  refereeEnd: Promise<unknown>,
): Promise<boolean> {
  const { engine, plan, kill, signal } = watching;
  const { contestant } = watching.names;
  await bringUp(watching, contestant, await engine.inspect(contestant), watching.contestantTap);
  const started = await engine.inspect(contestant);
  if (started?.startedAt == null) return false;

  const turn = new AbortController();
  const { id, startedAt } = started;
  watchContestant(watching, { id, startedAt }, AbortSignal.any([signal, turn.signal]));
  const contestantEnd = ended(engine, contestant, signal);
  await Promise.race([refereeEnd, signals.done(seat), contestantEnd]);
  // One that has left may be seen before the referee's line about it.
  await settle(watching, Promise.race([refereeEnd, signals.done(seat)]));
  turn.abort();
  if (!(await settles(contestantEnd, plan.timings.contestantSettleMs, signal))) {
    if (signals.isDone(seat)) await engine.kill(contestant);
    else await kill.pull('contestantOutlived');
  }
  await contestantEnd;
  return signals.isDone(seat);
}

/** Waits for the referee's next step, which it takes by itself once its contestant is through, or never. */
async function settle({ plan, kill, signal }: Watching, step: Promise<unknown>): Promise<void> {
  if (!(await settles(step, plan.timings.refereeSettleMs, signal))) await kill.pull('refereeHung');
  await step;
}

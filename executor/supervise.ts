/**
 * Watches one attempt from the referee's start to the end of both containers, and says what happened.
 *
 * The main line: referee up, contestant up, one of them ends, the other one follows within a bounded time or is killed.
 * Beside it the deadline, a frame without an answer and a flood of output may pull the kill switch, and the caller's
 * signal ends the watching (it kills nothing: the caller clears up).
 *
 * Does not: read files of the referee, or judge.
 */
import { performance } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import { type CgroupWatch, watchCgroup } from './cgroup-watch.ts';
import type { Attachment, ContainerEngine, ContainerStatus } from './container-engine.ts';
import type { Pair } from './container-pair.ts';
import type { CpuTimes } from './cpu-times.ts';
import { type FrameLimits, type FrameWatch, watchFrames } from './frame-watch.ts';
import { readKillIntent } from './kill-intent-note.ts';
import { type KillSwitch, killSwitch } from './kill-switch.ts';
import type { Exit, Facts, KillIntent } from './outcome.ts';
import { type OutputTap, outputTap } from './output-tap.ts';
import { refereeSignals } from './referee-signals.ts';

export type Timings = {
  /** For a referee to write its files after its contestant has ended. */
  readonly refereeSettleMs: number;
  /** For a contestant to end by itself after its referee: its exit code may explain a lost channel. */
  readonly contestantSettleMs: number;
  /** How often an adopted referee is looked at for its socket: its ready line is lost. */
  readonly socketPollMs: number;
  /** How often the clocks of an open frame are looked at. */
  readonly frameLookMs: number;
};
export const timings: Timings = {
  refereeSettleMs: 60_000,
  contestantSettleMs: 15_000,
  socketPollMs: 500,
  frameLookMs: 1_000,
};

export type SupervisionPlan = {
  readonly cgroupParent: string | null;
  readonly outputBytes: number;
  /** Counted from the contestant's start: preparing the stream is our time. */
  readonly timeoutSeconds: number;
  readonly frames: FrameLimits;
  /** What the kernel counts of a container; null where it can't be asked. */
  readonly cpuTimes: (containerId: string) => Promise<CpuTimes | null>;
  /** End of the lease. */
  readonly deadlineAt: Date;
  readonly timings: Timings;
  readonly now: () => Date;
  /** The covered share of the stream, 0 … 1, as the referee says it: for people. */
  readonly onProgress: (covered: number) => void;
  readonly signal: AbortSignal;
};

export type Observed = Pick<
  Facts,
  'intent' | 'referee' | 'contestant' | 'connected' | 'oomKills' | 'pidsRefusals' | 'wasStarved'
> & {
  /** The last bytes that the contestant printed. */
  readonly log: Buffer;
};

const logTailBytes = 4_096;
/** Some hundred bytes a frame, for millions of frames; more is a bug of ours. */
const refereeOutputBytes = 2 ** 32;
const socketPath = '/channel/referee.sock';

/** What the parts below share while they watch. */
type Watching = {
  readonly engine: ContainerEngine;
  readonly pair: Pair;
  readonly plan: SupervisionPlan;
  readonly signal: AbortSignal;
  readonly kill: KillSwitch;
  readonly signals: ReturnType<typeof refereeSignals>;
  readonly refereeTap: OutputTap;
  readonly contestantTap: OutputTap;
  readonly attachments: Attachment[];
  cgroup: CgroupWatch | null;
  frames: FrameWatch | null;
};

export async function supervise(engine: ContainerEngine, pair: Pair, plan: SupervisionPlan): Promise<Observed> {
  const ending = new AbortController();
  const noted = pair.wasAdopted ? await readKillIntent(engine, pair.names.referee) : null;
  const watching = watch(engine, pair, plan, AbortSignal.any([plan.signal, ending.signal]), noted);
  const { kill } = watching;
  try {
    if (noted !== null) await kill.pull(noted); // We may have died between the note and the kill.
    at(watching, plan.deadlineAt, () => 'leaseEnded');
    return await Promise.race([follow(watching), kill.failed]);
  } finally {
    ending.abort();
    watching.cgroup?.stop();
    watching.frames?.stop();
    for (const attachment of watching.attachments) attachment.detach();
  }
}

function watch(
  engine: ContainerEngine,
  pair: Pair,
  plan: SupervisionPlan,
  signal: AbortSignal,
  noted: KillIntent | null,
): Watching {
  const signals = refereeSignals({
    onProgress: plan.onProgress,
    onFrame: (edge, frame) => watching.frames?.[edge](frame),
  });
  // The kernel's counters die with the container: the last look is before the kill.
  const kill = killSwitch(engine, pair.names, noted, async () => watching.cgroup?.sample());
  const tap = (limitBytes: number, intent: KillIntent, onLine?: (line: string) => void) =>
    outputTap({
      tailBytes: logTailBytes,
      limitBytes,
      onLimit: () => kill.pullSoon(intent),
      ...(onLine ? { onLine } : {}),
    });
  const watching: Watching = {
    ...{ engine, pair, plan, signal, kill, signals },
    refereeTap: tap(refereeOutputBytes, 'refereeOutput', signals.take),
    contestantTap: tap(plan.outputBytes, 'output'),
    attachments: [],
    cgroup: null,
    frames: null,
  };
  return watching;
}

/** The main line. */
async function follow(watching: Watching): Promise<Observed> {
  const { engine, pair, plan, kill, signal } = watching;
  const { referee, contestant } = pair.names;
  await bringUp(watching, referee, pair.referee, watching.refereeTap);
  const refereeEnd = ended(engine, referee, signal);
  if (await isReady(watching, refereeEnd)) await bringUp(watching, contestant, pair.contestant, watching.contestantTap);
  const started = await engine.inspect(contestant);
  if (started?.startedAt == null) {
    await refereeEnd;
    return observe(watching);
  }

  watching.cgroup = watchCgroup(plan.cgroupParent, started.id);
  const frames = framesOf(watching, started.id);
  watching.frames = frames;
  const timeoutAt = new Date(started.startedAt.getTime() + plan.timeoutSeconds * 1_000);
  at(watching, timeoutAt, () => (frames.wasStarved() ? 'starved' : 'timeout'));
  const contestantEnd = ended(engine, contestant, signal);
  await Promise.race([refereeEnd, contestantEnd]);
  if (!(await settles(refereeEnd, plan.timings.refereeSettleMs, signal))) await kill.pull('refereeHung');
  await refereeEnd;
  if (!(await settles(contestantEnd, plan.timings.contestantSettleMs, signal))) await kill.pull('contestantOutlived');
  await contestantEnd;
  return observe(watching);
}

function framesOf({ plan, kill }: Watching, containerId: string): FrameWatch {
  return watchFrames({
    limits: plan.frames,
    everyMs: plan.timings.frameLookMs,
    times: () => plan.cpuTimes(containerId),
    clock: () => performance.now(),
    exceeded: (intent) => kill.pullSoon(intent),
  });
}

/** Attached before the start, so that no byte is missed. What has ended already, or is gone, stays as it is. */
async function bringUp(watching: Watching, name: string, found: ContainerStatus | null, tap: OutputTap): Promise<void> {
  if (found === null || found.status === 'exited') return;
  watching.attachments.push(await watching.engine.attach(name, tap.stdout, tap.stderr));
  if (found.status === 'created') await watching.engine.start(name);
}

/** Whether the contestant may start. A referee found running has said its line to nobody: its socket is looked for. */
async function isReady(watching: Watching, refereeEnd: Promise<unknown>): Promise<boolean> {
  const { pair, signals, signal } = watching;
  if (pair.contestant?.status !== 'created') return true;
  const ways = [signals.ready.then(() => true), refereeEnd.then(() => false)];
  if (pair.referee?.status === 'running') ways.push(socketAppears(watching));
  const isReady = await Promise.race(ways);
  signal.throwIfAborted();
  return isReady && watching.kill.intent() === null;
}

async function socketAppears({ engine, pair, plan, signal }: Watching): Promise<boolean> {
  while (!(await engine.pathExists(pair.names.referee, socketPath))) {
    await delay(plan.timings.socketPollMs, undefined, { signal });
  }
  return true;
}

function ended(engine: ContainerEngine, name: string, signal: AbortSignal): Promise<ContainerStatus | null> {
  const end = engine.untilExited(name, signal);
  end.catch(() => {}); // Awaited later, or never once the signal has aborted.
  return end;
}

async function settles(end: Promise<unknown>, limitMs: number, signal: AbortSignal): Promise<boolean> {
  const done = new AbortController();
  const limit = delay(limitMs, false, { signal: AbortSignal.any([signal, done.signal]) });
  limit.catch(() => {});
  try {
    return await Promise.race([end.then(() => true), limit]);
  } finally {
    done.abort();
  }
}

/** Pulls the switch at a time, or at once where that is over. */
function at({ plan, kill, signal }: Watching, time: Date, intent: () => KillIntent): void {
  const wait = delay(Math.max(0, time.getTime() - plan.now().getTime()), undefined, { signal });
  wait.then(
    () => kill.pullSoon(intent()),
    () => {}, // Ended before.
  );
}

/**
 * Looked at once more: a container that was removed by force is first seen as killed, and the out-of-memory mark may
 * come late.
 */
async function observe(watching: Watching): Promise<Observed> {
  const { engine, pair } = watching;
  const [referee, contestant] = await Promise.all([
    engine.inspect(pair.names.referee),
    engine.inspect(pair.names.contestant),
  ]);
  const counts = watching.cgroup?.stop() ?? { oomKills: null, pidsRefusals: null };
  return {
    intent: watching.kill.intent(),
    referee: toExit(referee),
    contestant: toExit(contestant),
    connected: watching.signals.isConnected() || (watching.pair.wasAdopted ? null : false),
    ...counts,
    wasStarved: watching.frames?.wasStarved() ?? null,
    log: watching.contestantTap.tail(),
  };
}

function toExit(status: ContainerStatus | null): Exit {
  if (status === null) return { kind: 'vanished' };
  if (status.startedAt === null) return { kind: 'neverStarted' };
  return { kind: 'exited', exitCode: status.exitCode, oomKilled: status.oomKilled };
}

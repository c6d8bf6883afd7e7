/** What it takes to watch the containers of an attempt: the taps on their output, the clock, the kill switch, their ends. */
import { performance } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import type { AttemptNames } from './attempt-names.ts';
import { type CgroupWatch, watchCgroup } from './cgroup-watch.ts';
import type { Attachment, ContainerEngine, ContainerStatus } from './container-engine.ts';
import type { CpuTimes } from './cpu-times.ts';
import { type FrameLimits, type FrameWatch, watchFrames } from './frame-watch.ts';
import { type KillSwitch, killSwitch } from './kill-switch.ts';
import type { Exit, Facts, KillIntent } from './outcome.ts';
import { type OutputTap, outputTap } from './output-tap.ts';
import { frameSignals, type ImageHeld, imageSignals } from './referee-signals.ts';

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
  readonly onImageHeld: (held: ImageHeld) => void;
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

/** What the parts of a watch share. */
export type Watching = {
  readonly engine: ContainerEngine;
  readonly plan: SupervisionPlan;
  readonly signal: AbortSignal;
  readonly kill: KillSwitch;
  readonly refereeTap: OutputTap;
  readonly contestantTap: OutputTap;
  readonly attachments: Attachment[];
  readonly isConnected: () => boolean | null;
  /** The referee, and the contestant whose turn it is. */
  names: AttemptNames;
  cgroup: CgroupWatch | null;
  frames: FrameWatch | null;
};

export type Watched = {
  readonly engine: ContainerEngine;
  readonly names: AttemptNames;
  readonly plan: SupervisionPlan;
  /** Why an earlier life of this service was about to kill. */
  readonly noted: KillIntent | null;
  readonly onRefereeLine: (line: string) => void;
  /** Whether the referee has said that the contestant reached it; null where that may have been missed. */
  readonly isConnected: () => boolean | null;
};

/** Follows the main line to its end, under the deadline and the limits of frames and output; whatever was begun for that ends with it. */
export async function watch(watched: Watched, follow: (watching: Watching) => Promise<Observed>): Promise<Observed> {
  const ending = new AbortController();
  const watching = watchingOf(watched, AbortSignal.any([watched.plan.signal, ending.signal]));
  const { kill, signal } = watching;
  try {
    if (watched.noted !== null) await kill.pull(watched.noted); // We may have died between the note and the kill.
    at(watching, watched.plan.deadlineAt, () => 'leaseEnded', signal);
    return await Promise.race([follow(watching), kill.failed]);
  } finally {
    ending.abort();
    watching.cgroup?.stop();
    watching.frames?.stop();
    for (const attachment of watching.attachments) attachment.detach();
  }
}

function watchingOf(watched: Watched, signal: AbortSignal): Watching {
  const { engine, names, plan, noted, onRefereeLine, isConnected } = watched;
  // The kernel's counters die with the container: the last look is before the kill.
  const sample = async () => watching.cgroup?.sample();
  const kill = killSwitch(engine, () => watching.names, noted, sample);
  const tap = (limitBytes: number, intent: KillIntent, onLine?: (line: string) => void) =>
    outputTap({
      tailBytes: logTailBytes,
      limitBytes,
      onLimit: () => kill.pullSoon(intent),
      ...(onLine ? { onLine } : {}),
    });
  const onFrameLine = frameSignals((edge, frame) => watching.frames?.[edge](frame));
  const onImageLine = imageSignals(plan.onImageHeld);
  const onLine = (line: string) => {
    onRefereeLine(line);
    onFrameLine(line);
    onImageLine(line);
  };
  const watching: Watching = {
    ...{ engine, plan, signal, kill, isConnected, names },
    refereeTap: tap(refereeOutputBytes, 'refereeOutput', onLine),
    contestantTap: tap(plan.outputBytes, 'output'),
    attachments: [],
    cgroup: null,
    frames: null,
  };
  return watching;
}

/** Counts what a contestant takes from its start on, and holds it to its frames; to the outer time limit, unless the signal comes first. */
export function watchContestant(
  watching: Watching,
  { id, startedAt }: { readonly id: string; readonly startedAt: Date },
  signal: AbortSignal,
): void {
  const { plan, kill } = watching;
  watching.cgroup?.stop();
  watching.frames?.stop();
  watching.cgroup = watchCgroup(plan.cgroupParent, id);
  const frames = watchFrames({
    limits: plan.frames,
    everyMs: plan.timings.frameLookMs,
    times: () => plan.cpuTimes(id),
    clock: () => performance.now(),
    exceeded: (intent) => kill.pullSoon(intent),
  });
  watching.frames = frames;
  const timeoutAt = new Date(startedAt.getTime() + plan.timeoutSeconds * 1_000);
  at(watching, timeoutAt, () => (frames.wasStarved() ? 'starved' : 'timeout'), signal);
}

/** Attached before the start, so that no byte is missed. What has ended already, or is gone, stays as it is. */
export async function bringUp(
  watching: Watching,
  name: string,
  found: ContainerStatus | null,
  tap: OutputTap,
): Promise<void> {
  if (found === null || found.status === 'exited') return;
  watching.attachments.push(await watching.engine.attach(name, tap.stdout, tap.stderr));
  if (found.status === 'created') await watching.engine.start(name);
}

export function ended(engine: ContainerEngine, name: string, signal: AbortSignal): Promise<ContainerStatus | null> {
  const end = engine.untilExited(name, signal);
  end.catch(() => {}); // Awaited later, or never once the signal has aborted.
  return end;
}

export async function settles(end: Promise<unknown>, limitMs: number, signal: AbortSignal): Promise<boolean> {
  const done = new AbortController();
  const limit = delay(limitMs, false, { signal: AbortSignal.any([signal, done.signal]) });
  limit.catch(() => {});
  try {
    return await Promise.race([end.then(() => true), limit]);
  } finally {
    done.abort();
  }
}

/** Pulls the switch at a time, or at once where that is over, unless the signal comes first. */
function at({ plan, kill }: Watching, time: Date, intent: () => KillIntent, signal: AbortSignal): void {
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
export async function observe(watching: Watching): Promise<Observed> {
  const { engine, names } = watching;
  const [referee, contestant] = await Promise.all([engine.inspect(names.referee), engine.inspect(names.contestant)]);
  const counts = watching.cgroup?.stop() ?? { oomKills: null, pidsRefusals: null };
  return {
    intent: watching.kill.intent(),
    referee: toExit(referee),
    contestant: toExit(contestant),
    connected: watching.isConnected(),
    ...counts,
    wasStarved: watching.frames?.wasStarved() ?? null,
    log: watching.contestantTap.tail(),
  };
}

export function toExit(status: ContainerStatus | null): Exit {
  if (status === null) return { kind: 'vanished' };
  if (status.startedAt === null) return { kind: 'neverStarted' };
  return { kind: 'exited', exitCode: status.exitCode, oomKilled: status.oomKilled };
}

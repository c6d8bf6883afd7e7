/**
 * Holds a contestant to its frames (PROTOCOL.md §1): so much CPU time each, and a wide limit of wall-clock time for one
 * that sleeps. The referee says when a frame begins and ends; it can't see the CPU time.
 *
 * A frame is timed from the first look at it, so that what is missed favours the contestant. Whose fault it is when the
 * wall-clock limit is reached is decided before the kill: afterwards the kernel has forgotten.
 */
import { type CpuTimes, wasStarved } from './cpu-times.ts';
import type { KillIntent } from './outcome.ts';

export type FrameLimits = { readonly cpuSeconds: number; readonly wallSeconds: number };

export type FrameWatch = {
  started(frame: number): void;
  ended(frame: number): void;
  /** Looks at the clocks; the watch does it by itself, every now and then. */
  look(): Promise<void>;
  /** Whether others have kept the contestant from running all along; null where nobody can tell. */
  wasStarved(): boolean | null;
  stop(): void;
};

type Looked = { readonly atMs: number; readonly times: CpuTimes | null };

export function watchFrames(options: {
  readonly limits: FrameLimits;
  readonly everyMs: number;
  readonly times: () => Promise<CpuTimes | null>;
  /** Milliseconds of a monotonic clock. */
  readonly clock: () => number;
  readonly exceeded: (intent: KillIntent) => void;
}): FrameWatch {
  const { limits, times, clock, exceeded } = options;
  let open: { readonly frame: number; first: Looked | null } | null = null;
  let [oldest, newest]: (CpuTimes | null)[] = [null, null];
  let isLooking = false;

  async function look(): Promise<void> {
    if (isLooking) return;
    isLooking = true;
    const asked = open;
    const now = { times: await times(), atMs: clock() };
    isLooking = false;
    oldest ??= now.times;
    newest = now.times ?? newest;
    if (asked === null || asked !== open) return; // Answered in the meantime.
    if (asked.first === null) asked.first = now;
    const intent = overrun(asked.first, now, limits);
    if (intent === null) return;
    open = null;
    exceeded(intent);
  }

  const timer = setInterval(() => void look(), options.everyMs);
  return {
    started: (frame) => {
      open = { frame, first: null };
    },
    ended: (frame) => {
      if (open?.frame === frame) open = null;
    },
    look,
    wasStarved: () => (oldest && newest ? wasStarved(oldest, newest) : null),
    stop: () => clearInterval(timer),
  };
}

function overrun(first: Looked, now: Looked, { cpuSeconds, wallSeconds }: FrameLimits): KillIntent | null {
  const isKnown = first.times !== null && now.times !== null;
  if (isKnown && now.times.usedMs - first.times.usedMs > cpuSeconds * 1_000) return 'frameCpu';
  if (now.atMs - first.atMs <= wallSeconds * 1_000) return null;
  return isKnown && wasStarved(first.times, now.times) ? 'starved' : 'frameWall';
}

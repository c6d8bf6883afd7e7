/**
 * How much CPU time a container has had, and how long others kept it from having any.
 *
 * The kernel counts two times of every thread: running, and ready to run but waiting for a core. Waiting alone proves
 * nothing: threads that queue behind one another wait for themselves. But while one of a container's threads runs, its
 * CPU time grows; so of the time that a thread has waited, at most as much as the container's *other* threads have run
 * can be the container's own doing, and the rest is lost to somebody else's work. Nothing that runs in the container can
 * make that rest larger than it is, and a thread that sleeps doesn't wait.
 *
 * Does not: see a wait before it ends, nor time that a hypervisor or a frozen cgroup withholds: that looks like sleep.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';

/** What was counted until `atMs`, milliseconds of a monotonic clock. */
export type CpuTimes = {
  readonly atMs: number;
  /** CPU time of everything that ever ran in the container. */
  readonly usedMs: number;
  /** Of the threads that live, by id. */
  readonly threads: ReadonlyMap<string, ThreadTimes>;
};

export type ThreadTimes = { readonly ranMs: number; readonly waitedMs: number };

const root = '/sys/fs/cgroup';

/** Null where the kernel's files can't be read: an engine elsewhere, or a container that is gone. */
export async function readCpuTimes(cgroup: string): Promise<CpuTimes | null> {
  const usedMs = await readUsed(cgroup);
  const ids = await firstReadable(join(root, 'cpuacct', cgroup, 'tasks'), join(root, cgroup, 'cgroup.threads'));
  if (usedMs === null || ids === null) return null;
  const threads = await Promise.all(
    ids
      .split('\n')
      .filter(Boolean)
      .map(async (id) => [id, threadTimes(await firstReadable(`/proc/${id}/schedstat`))] as const),
  );
  const known = threads.flatMap(([id, times]) => (times === null ? [] : [[id, times] as const]));
  return { atMs: performance.now(), usedMs, threads: new Map(known) };
}

/** Cgroup v1 counts nanoseconds, v2 microseconds. */
async function readUsed(cgroup: string): Promise<number | null> {
  const nanoseconds = await firstReadable(join(root, 'cpuacct', cgroup, 'cpuacct.usage'));
  if (nanoseconds !== null) return Number(nanoseconds) / 1e6;
  const stat = await firstReadable(join(root, cgroup, 'cpu.stat'));
  const microseconds = /^usage_usec (\d+)$/m.exec(stat ?? '')?.[1];
  return microseconds === undefined ? null : Number(microseconds) / 1e3;
}

/** `schedstat`: nanoseconds on a core, nanoseconds waiting for one, times that it was given one. */
export function threadTimes(schedstat: string | null): ThreadTimes | null {
  const match = /^(\d+) (\d+) \d+$/.exec(schedstat?.trim() ?? '');
  return match === null ? null : { ranMs: Number(match[1]) / 1e6, waitedMs: Number(match[2]) / 1e6 };
}

async function firstReadable(...paths: readonly string[]): Promise<string | null> {
  for (const path of paths) {
    const text = await readFile(path, 'utf8').catch(() => null);
    if (text !== null) return text;
  }
  return null;
}

const unborn: ThreadTimes = { ranMs: 0, waitedMs: 0 };

/** Milliseconds between two readings, at least, that the container was ready to run and others ran in its place. */
export function keptWaitingMs(from: CpuTimes, to: CpuTimes): number {
  const usedMs = to.usedMs - from.usedMs;
  const lost = [...to.threads].map(([id, { ranMs, waitedMs }]) => {
    const before = from.threads.get(id) ?? unborn;
    const byOthersOfItsOwn = usedMs - (ranMs - before.ranMs);
    return waitedMs - before.waitedMs - byOthersOfItsOwn;
  });
  return Math.max(0, ...lost);
}

/** Others had the container's core for more than half of the time: what it didn't get done says nothing about it. */
export function wasStarved(from: CpuTimes, to: CpuTimes): boolean {
  return 2 * keptWaitingMs(from, to) > to.atMs - from.atMs;
}

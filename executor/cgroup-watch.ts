/**
 * The kernel's own counts of a container: how often it was out of memory, how often it was refused a process.
 *
 * A cgroup's files live as long as the cgroup, and v1 counts in the leaf alone, so they are read every now and then
 * while the container runs, and once more before a kill of ours. What is missed costs precision (`exception` in place
 * of `pids`), never fairness: both are the contestant's. Engines elsewhere, or under systemd's cgroup driver, give
 * nulls.
 */
import { readdir, readFile, rmdir } from 'node:fs/promises';
import { join } from 'node:path';

export type CgroupCounts = { readonly oomKills: number | null; readonly pidsRefusals: number | null };

export type CgroupWatch = {
  sample(): Promise<void>;
  /** Ends the sampling; the highest counts seen. */
  stop(): CgroupCounts;
};

const root = '/sys/fs/cgroup';
const sampleEveryMs = 100;

/** The cgroup under which both containers of an attempt live. */
export function attemptCgroup(attemptId: string): string {
  return `/prism/${attemptId}`;
}

/** Counters by file, v1 then v2: the number after the word, in the files that exist. */
const oomFiles = [
  { folder: 'memory', file: 'memory.oom_control', word: 'oom_kill' },
  { folder: '', file: 'memory.events', word: 'oom_kill' },
];
const pidsFiles = [
  { folder: 'pids', file: 'pids.events', word: 'max' },
  { folder: '', file: 'pids.events', word: 'max' },
];

export function watchCgroup(parent: string | null, containerId: string): CgroupWatch {
  let counts: CgroupCounts = { oomKills: null, pidsRefusals: null };
  const cgroup = parent === null ? null : `${parent}/${containerId}`;
  const sample = async () => {
    if (cgroup === null) return;
    const [oomKills, pidsRefusals] = await Promise.all([readCounter(oomFiles, cgroup), readCounter(pidsFiles, cgroup)]);
    counts = { oomKills: highest(counts.oomKills, oomKills), pidsRefusals: highest(counts.pidsRefusals, pidsRefusals) };
  };
  const timer = setInterval(() => void sample(), sampleEveryMs);
  return {
    sample,
    stop() {
      clearInterval(timer);
      return counts;
    },
  };
}

function highest(left: number | null, right: number | null): number | null {
  return left === null || right === null ? (left ?? right) : Math.max(left, right);
}

async function readCounter(files: typeof oomFiles, cgroup: string): Promise<number | null> {
  for (const { folder, file, word } of files) {
    const text = await readFile(join(root, folder, cgroup, file), 'utf8').catch(() => null);
    if (text !== null) return counterIn(text, word);
  }
  return null;
}

/** The number after `word` in lines of `word number`. */
export function counterIn(text: string, word: string): number | null {
  const line = text.split('\n').find((candidate) => candidate.startsWith(`${word} `));
  return line === undefined ? null : Number(line.slice(word.length + 1));
}

/** Removes an attempt's empty cgroups from every hierarchy; those of others, and of engines elsewhere, aren't there. */
export async function removeCgroup(parent: string): Promise<void> {
  const hierarchies = await readdir(root).catch(() => []);
  await Promise.all(
    [root, ...hierarchies.map((name) => join(root, name))].map((folder) => rmdir(join(folder, parent)).catch(() => {})),
  );
}

/** What the kernel of this machine says about memory: whether a container was killed at its own limit, or for want of the host's. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type Docker from 'dockerode';
import { counterIn } from './cgroup-watch.ts';
import { toEngineError } from './engine-errors.ts';
import { hasLocalCgroups } from './engine-facts.ts';

export type KernelMemory = {
  /** Most bytes that a cgroup and all below it have had, also those that are gone; null where the kernel doesn't say. */
  peakBytes(cgroup: string): Promise<number | null>;
  /** Processes of this machine that were killed for want of memory, whoever's, since it started; null where the kernel doesn't say. */
  oomKills(): Promise<number | null>;
};

const root = '/sys/fs/cgroup';

export const localKernelMemory: KernelMemory = {
  async peakBytes(cgroup) {
    const peak = await numberIn(join(root, cgroup, 'memory.peak'));
    if (peak !== null) return peak;
    const v1 = join(root, 'memory', cgroup);
    // Without a hierarchy, a parent knows nothing of its children.
    return (await numberIn(join(v1, 'memory.use_hierarchy'))) === 1
      ? numberIn(join(v1, 'memory.max_usage_in_bytes'))
      : null;
  },
  async oomKills() {
    const text = await readFile('/proc/vmstat', 'utf8').catch(() => '');
    return counterIn(text, 'oom_kill');
  },
};

/** Null where the engine is elsewhere, or names cgroups in its own way. Throws engine errors. */
export async function kernelMemoryOf(docker: Docker): Promise<KernelMemory | null> {
  try {
    return (await hasLocalCgroups(docker)) ? localKernelMemory : null;
  } catch (error) {
    throw toEngineError('describe itself', error);
  }
}

async function numberIn(path: string): Promise<number | null> {
  const text = await readFile(path, 'utf8').catch(() => null);
  return text === null ? null : Number(text);
}

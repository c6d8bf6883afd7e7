import { hostname } from 'node:os';
import type Docker from 'dockerode';
import { z } from 'zod';
import { runnerDigestLabel } from './attempt-names.ts';

/** The engine or the image isn't what the executor needs; `message` says how to mend it. */
export class UnfitEngineError extends Error {
  override readonly name = 'UnfitEngineError';
}

/** What of the engine's own description the executor relies on. */
const infoSchema = z.object({
  Name: z.string(),
  SecurityOptions: z.array(z.string()).nullish(),
  CgroupDriver: z.string(),
  NCPU: z.int(),
  MemTotal: z.int(),
  Runtimes: z.record(z.string(), z.unknown()).nullish(),
});

export type EngineFacts = { readonly cpus: number; readonly memoryBytes: number; readonly hasLocalCgroups: boolean };

/** Asks the engine what it is, and refuses one that wouldn't confine what we run in it. */
export async function engineFacts(docker: Docker, runtime: string | null): Promise<EngineFacts> {
  const info = infoSchema.parse(await docker.info());
  assertConfining(info, runtime);
  return {
    cpus: info.NCPU,
    memoryBytes: info.MemTotal,
    hasLocalCgroups: isLocal(info),
  };
}

/** Whether containers may be given a cgroup of ours, and its files be read. */
export async function hasLocalCgroups(docker: Docker): Promise<boolean> {
  return isLocal(infoSchema.parse(await docker.info()));
}

/** The same machine's cgroup files, under a driver that takes a plain path for a parent. */
function isLocal({ CgroupDriver, Name }: Pick<z.infer<typeof infoSchema>, 'CgroupDriver' | 'Name'>): boolean {
  return CgroupDriver === 'cgroupfs' && Name === hostname();
}

/** gVisor brings its own system call filter; everything else must have the engine's. */
export function assertConfining(
  info: Pick<z.infer<typeof infoSchema>, 'SecurityOptions' | 'Runtimes'>,
  runtime: string | null,
): void {
  const filters = (info.SecurityOptions ?? []).filter((option) => option.startsWith('name=seccomp'));
  const confined = filters.some((option) => !option.includes('profile=unconfined'));
  if (!confined && runtime !== 'runsc') {
    throw new UnfitEngineError(
      'The engine runs containers without its seccomp profile; start it with one, or use the runsc runtime.',
    );
  }
  if (runtime !== null && !Object.hasOwn(info.Runtimes ?? {}, runtime)) {
    throw new UnfitEngineError(`The engine has no runtime called ${runtime}.`);
  }
}

/** The image is addressed by id, and known by the digest that its label carries. */
export async function assertRunnerImage(docker: Docker, imageId: string, runnerDigest: string): Promise<void> {
  const image = await docker.getImage(imageId).inspect();
  const label = image.Config.Labels?.[runnerDigestLabel];
  if (label === runnerDigest) return;
  throw new UnfitEngineError(
    `Image ${imageId} carries runner digest ${label ?? 'none'}, expected ${runnerDigest}: build it again.`,
  );
}

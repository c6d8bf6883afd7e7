import { readFile } from 'node:fs/promises';
import Docker from 'dockerode';
import { instanceLabel, runnerDigestLabel } from '../../executor/attempt-names.ts';
import type { ContainerEngine } from '../../executor/container-engine.ts';
import { dockerEngine } from '../../executor/docker-engine.ts';
import { holdMachineLock } from './machine-lock.ts';

/** A real engine with an evaluator image on it, and the label under which a suite's leftovers are found. */
export type RealEngine = {
  readonly docker: Docker;
  readonly engine: ContainerEngine;
  readonly imageId: string;
  readonly runnerDigest: string;
  readonly instance: string;
};

/**
 * A suite that needs the engine. It is skipped, with the reason in its output, where there is none; it holds a machine-
 * wide lock, since two torch processes on two cores starve each other; and it fails where it leaves a container or a
 * volume behind.
 */
export function describeWithEngine(title: string, body: (real: () => RealEngine) => void): void {
  describe(title, function () {
    this.timeout(180_000);
    let real: RealEngine | null = null;
    let unlock: () => Promise<void> = async () => {};

    before('an engine and an evaluator image', async function () {
      this.timeout(1_200_000); // Another suite may hold the lock for as long as it needs.
      const found = await findEngine();
      if ('missing' in found) {
        console.warn(`      skipped: ${found.missing}`);
        return this.skip();
      }
      real = found;
      unlock = await holdMachineLock();
    });
    after('nothing is left behind', async () => {
      try {
        if (real !== null) await expectNothingLeft(real);
      } finally {
        await unlock();
      }
    });
    body(() => {
      if (real === null) throw new Error('there is no engine');
      return real;
    });
  });
}

async function findEngine(): Promise<RealEngine | { readonly missing: string }> {
  const docker = new Docker();
  const reached = await docker.ping().then(
    () => true,
    () => false,
  );
  if (!reached) return { missing: 'no container engine answers; node scripts/engine.mjs start' };
  const image = await builtImage(docker);
  if (image === null) return { missing: 'no evaluator image is built; node scripts/setup.mjs --runtime' };
  return { docker, engine: dockerEngine(docker), ...image, instance: `test-${process.pid}-${Date.now()}` };
}

/** What the build script noted, if the engine still has it; else the newest image with the label. */
async function builtImage(docker: Docker): Promise<{ imageId: string; runnerDigest: string } | null> {
  const labelled = await docker.listImages({ filters: { label: [runnerDigestLabel] } });
  const images = labelled.filter(({ RepoTags }) => RepoTags?.some((tag) => tag.startsWith('prism-evaluator:')));
  const noted = await readFile('.cache/runner.json', 'utf8').then(
    (text): { imageId?: string } => JSON.parse(text),
    () => ({ imageId: undefined }),
  );
  const newest = images.toSorted((left, right) => right.Created - left.Created)[0];
  const image = images.find(({ Id }) => Id === noted.imageId) ?? newest;
  const runnerDigest = image?.Labels?.[runnerDigestLabel];
  return image === undefined || runnerDigest === undefined ? null : { imageId: image.Id, runnerDigest };
}

async function expectNothingLeft({ engine, instance }: RealEngine): Promise<void> {
  const label = `${instanceLabel}=${instance}`;
  const containers = await engine.listContainers(label);
  const volumes = await engine.listVolumes(label);
  const names = [...containers, ...volumes].map(({ name }) => name);
  for (const { name } of containers) await engine.removeContainer(name);
  for (const { name } of volumes) await engine.removeVolume(name);
  if (names.length > 0) throw new Error(`left behind: ${names.join(', ')}`);
}

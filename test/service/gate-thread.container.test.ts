import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { policySchema } from '../../domain/policy/policy.ts';
import type { LivingState } from '../../domain/submission/state.ts';
import { sketchVersion } from '../../gates/duplicates/sketch.ts';
import { packFiles } from '../../gates/pack.ts';
import { memoryBlobs } from '../../storage/memory-blobs.ts';
import { openStorage } from '../../storage/open-storage.ts';
import { contract } from '../domain/submission-examples.ts';
import { describeWithEngine } from '../executor/with-engine.ts';
import { openGateThread } from './open-gate-thread.ts';
import { bundleOf } from './stored-bundle.ts';

class DiskFullError extends Error {
  override readonly name = 'DiskFullError';
}

describeWithEngine('the thread of the gates over a real inspector', (real) => {
  let folder: string;
  let state: LivingState;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'prism-gates-'));
    const storage = await openStorage({ dataDir: folder });
    const archive = packFiles([
      { path: 'architecture.py', bytes: Buffer.from('def build_model(ctx):\n    return None\n') },
      { path: 'training.py', bytes: Buffer.from('def train(ctx):\n    return None\n') },
    ]);
    state = { ...(await bundleOf(storage, archive)), contract };
    await storage.close();
  });
  after(() => rm(folder, { recursive: true }));

  it('gives no verdict whose evidence can’t be kept, says why under its own name, and gives it once it can', async () => {
    const { imageId, instance } = real();
    const kept = memoryBlobs();
    const failures = [new DiskFullError('there is no room')];
    const put = (content: Uint8Array) => {
      const failure = failures.pop();
      return failure === undefined ? kept.put(content) : Promise.reject(failure);
    };
    const thread = openGateThread(folder, { image: { imageId, instance }, blobs: { put } });
    const ask = () => thread.byName.duplicate(state, { version: 1, policy: policySchema.parse({}) });
    try {
      const fault = await ask().catch((error: unknown) => error);
      expect(fault).to.include({ name: 'DiskFullError', message: 'there is no room' });
      const answer = await ask();
      if (answer.kind !== 'sketched') return expect.fail(answer.kind);
      expect(answer.sketch).to.include({ sketchVersion });
      expect(await kept.has(answer.sketch.shingles.sha256)).to.equal(true);
    } finally {
      await thread.close();
    }
  });
});

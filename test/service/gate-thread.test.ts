import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { policySchema } from '../../domain/policy/policy.ts';
import type { LivingState } from '../../domain/submission/state.ts';
import { packFiles } from '../../gates/pack.ts';
import { type GateThread, gateThread } from '../../service/gate-thread.ts';
import { memoryBlobs } from '../../storage/memory-blobs.ts';
import { openStorage } from '../../storage/open-storage.ts';
import { bundleOf } from './stored-bundle.ts';

const active = { version: 1, policy: policySchema.parse({}) };
const silent = { info() {}, warn() {}, error() {} };
const archive = packFiles([
  { path: 'architecture.py', bytes: Buffer.from('a = 1\n') },
  { path: 'training.py', bytes: Buffer.from('t = 1\n') },
]);

describe('the thread of the gates', function () {
  this.timeout(30_000);
  let folder: string;
  let state: LivingState;
  const threads: GateThread[] = [];
  const open = (storageFolder: string) => {
    const storage = { url: `sqlite:${storageFolder}`, dataDir: storageFolder };
    // No engine has such an image: the inspector can't be asked.
    const thread = gateThread(
      {
        storage,
        readModelsPath: join(storageFolder, 'read-models.sqlite'),
        examplesFolder: 'examples',
        inspector: { imageId: `sha256:${'0'.repeat(64)}`, instance: 'no-such' },
      },
      memoryBlobs(),
      silent,
    );
    threads.push(thread);
    return thread;
  };
  const faultOf = (asked: Promise<unknown>) =>
    asked.then(
      () => 'none',
      (error: Error) => error.name,
    );

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'prism-gates-'));
    const storage = await openStorage({ dataDir: folder });
    state = await bundleOf(storage, archive);
    await storage.close();
  });
  after(async () => {
    await Promise.all(threads.map((thread) => thread.close()));
    await rm(folder, { recursive: true });
  });

  it('gives its verdict without an inspector where none is needed', async () => {
    const broken = packFiles([{ path: 'notes.md', bytes: Buffer.from('no script') }]);
    const storage = await openStorage({ dataDir: folder });
    const received = await bundleOf(storage, broken);
    await storage.close();
    const result = await open(folder).byName.contract(received, active);
    expect(result.kind === 'failed' && result.findings[0]?.rule).to.equal('prism:contract-script-missing');
  });

  it('passes a fault on under its own name', async () => {
    expect(await faultOf(open(folder).byName.static(state, active))).to.equal('InspectorUnavailableError');
  });

  it('gives no verdict where it ends, and is started anew with the next question', async () => {
    const { byName } = open(join(folder, 'nowhere'));
    expect(await faultOf(byName.static(state, active))).to.equal('GateThreadEndedError');
    expect(await faultOf(byName.static(state, active))).to.equal('GateThreadEndedError');
  });
});

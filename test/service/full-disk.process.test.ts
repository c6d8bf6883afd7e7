import { join } from 'node:path';
import Database from 'better-sqlite3';
import { expect } from 'chai';
import { z } from 'zod';
import { openStorage } from '../../storage/open-storage.ts';
import { range } from '../storage/fixtures.ts';
import { everything } from '../storage/histories.ts';
import { mountSmallDisk, type SmallDisk } from '../storage/small-disk.ts';
import { bundle } from './bundles.ts';
import { bridgePost, refused } from './requests.ts';
import { type ServiceHome, type ServiceProcess, serviceHome } from './service-process.ts';
import { handIn, untilStanding } from './submissions.ts';

const bridge = '/internal/v1/bridge/submissions';
const healthSchema = z.looseObject({ status: z.string(), reasons: z.array(z.string()) });

/** Noise that hardly compresses: a small bundle travels with its event, a large one lies in a file. */
function bundleOf(name: string, size: 'small' | 'large'): Uint8Array {
  const noise = range(1, size === 'small' ? 1_200 : 4_500).map((n) => `# ${name} ${Math.sin(n)} ${Math.cos(n)}`);
  return bundle({}, { 'noise.py': `${noise.join('\n')}\n` });
}

describe('a service whose disk is full', function () {
  this.timeout(120_000);
  let disk: SmallDisk | null = null;
  let home: ServiceHome;
  let service: ServiceProcess;
  const dataDir = () => join(disk?.path ?? '', 'data');
  const health = () => service.client.get('/health', healthSchema);

  before(async function () {
    disk = mountSmallDisk(16);
    if (disk === null) this.skip();
    home = await serviceHome();
    service = await home.start({ PRISM_DATA_DIR: dataDir(), PRISM_EXECUTOR: 'off', PRISM_LOG_LEVEL: 'silent' });
  });
  after(async () => {
    if (disk === null) return;
    await home.stopAll();
    await home.remove();
    disk.unmount();
  });

  it('answers 503 with the reason, says so in /health, and goes on when there is space again', async () => {
    const before = await handIn(service.client, bundleOf('before', 'small'), 'alice');
    expect((await health()).reasons).to.deep.equal(['noSlotRegistered']);

    disk?.fill();
    const reasons: Record<string, unknown> = {};
    for (const size of ['small', 'large'] as const) {
      const { status, problem } = await refused(service.url, bridge, bridgePost(bundleOf('refused', size)));
      expect(status).to.equal(503);
      reasons[problem.type] = problem.reason;
    }
    expect(reasons).to.deep.equal({
      'urn:prism:problem:logUnavailable': 'diskFull',
      'urn:prism:problem:blobsUnavailable': 'diskFull',
    });
    expect((await health()).reasons).to.include('logNotWritable:diskFull');
    expect((await service.client.get(`/v1/submissions/${before}/events`, z.looseObject({}))).submission_id).to.equal(
      before,
    );

    disk?.free();
    for (const size of ['small', 'large'] as const) {
      const id = await handIn(service.client, bundleOf('refused', size), `bob-${size}`);
      await untilStanding(service.client, id, ({ status }) => status === 'pending');
    }
    expect((await health()).reasons).to.deep.equal(['noSlotRegistered']);
  });

  it('has a sound log afterwards, in which nothing of the refused is half there', async () => {
    expect(await service.stop()).to.equal(0);
    const { log, close } = await openStorage({ dataDir: dataDir() });
    const all = await everything(log);
    await close();
    expect(all.map(({ position }) => position)).to.deep.equal(range(1, 4));
    const received = all.filter(({ envelope }) => envelope.type === 'SubmissionReceived');
    expect(received.map(({ envelope }) => envelope.data.hotkey)).to.deep.equal(['alice', 'bob-small', 'bob-large']);
    const db = new Database(join(dataDir(), 'events.sqlite'));
    expect(db.pragma('integrity_check', { simple: true })).to.equal('ok');
    db.close();
  });
});

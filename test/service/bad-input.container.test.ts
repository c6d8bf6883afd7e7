import { randomBytes } from 'node:crypto';
import { expect } from 'chai';
import { z } from 'zod';
import { readArchive } from '../../gates/intake.ts';
import { writeZip } from '../gates/zip-writer.ts';
import { bundle, training } from './bundles.ts';
import { type LogWatch, watchLog } from './log-watch.ts';
import { readBlob } from './records.ts';
import { bridgePost, refused } from './requests.ts';
import { type ServiceHome, type ServiceProcess, twoSlots } from './service-process.ts';
import { handIn, settled } from './submissions.ts';
import { describeServices } from './with-services.ts';

const bridge = '/internal/v1/bridge/submissions';
const architecturePy = { name: 'architecture.py', content: 'def build_model(ctx): ...\n' };
const trainingPy = { name: 'training.py', content: 'def train(ctx): ...\n' };

const unreadable: Readonly<Record<string, { body: Uint8Array; rule: string; entry: string | null }>> = {
  'that is no zip': { body: Buffer.from('not a zip'), rule: 'prism:zip-not-an-archive', entry: null },
  'that is cut off': {
    body: writeZip([architecturePy, trainingPy]).subarray(0, 120),
    rule: 'prism:zip-truncated',
    entry: null,
  },
  'with an encrypted entry': {
    body: writeZip([architecturePy, { ...trainingPy, flags: 1 }]),
    rule: 'prism:zip-encrypted',
    entry: 'training.py',
  },
  'with an entry outside of it': {
    body: writeZip([architecturePy, { ...trainingPy, name: '../training.py' }]),
    rule: 'prism:zip-parent-path',
    entry: '../training.py',
  },
  'that inflates to more than it may hold': {
    body: writeZip([architecturePy, { ...trainingPy, content: '#'.repeat(3_000_000) }]),
    rule: 'prism:zip-too-much-content',
    entry: 'training.py',
  },
};

/** Bundles that are handed in and never run: where the finding is to be. */
const rejected = {
  'whose script lacks its symbol': {
    archive: bundle({ training: 'def learn(ctx):\n    pass\n' }),
    finding: { rule: 'prism:contract-symbol-missing', path: 'training.py' },
  },
  'whose symbol is not callable': {
    archive: bundle({ architecture: '"""A model."""\n\nbuild_model = 7\n' }),
    finding: { rule: 'prism:contract-symbol-not-callable', path: 'architecture.py', line: 3 },
  },
  'whose manifest has an unknown kind': {
    archive: bundle({}, { 'prism.yaml': 'name: Odd\nkind: half\n' }),
    finding: { rule: 'prism:contract-kind', path: 'prism.yaml', line: 2 },
  },
  'that weighs more than policy allows, compressed': {
    archive: bundle({}, { 'weights.txt': randomBytes(150_000).toString('base64') }),
    finding: { rule: 'prism:contract-xz-size', path: null },
  },
} as const;

const ownTokenizer = bundle({
  training: `
class Letters:
    vocab_size = 256

def train(ctx):
    next(ctx.iter_train_batches(ctx.build_model(), batch_size=4, seq_len=32, tokenizer=Letters()))
`,
});
const raising = bundle({ training: training({ inLoop: 'if step == 2:\n    raise ValueError("a bug")' }) });

describeServices('that is given bad input', (services) => {
  let home: ServiceHome;
  let service: ServiceProcess;
  let log: LogWatch;
  const accepted: string[] = [];

  const receive = async (archive: Uint8Array, hotkey: string) => {
    const id = await handIn(service.client, archive, hotkey);
    accepted.push(id);
    return id;
  };

  before(async () => {
    home = await services.home();
    service = await home.start(twoSlots);
    log = await watchLog(home.dataDir);
  });
  after(() => log?.close());

  for (const [what, { body, rule, entry }] of Object.entries(unreadable)) {
    it(`refuses a body ${what}, with rule and entry`, async () => {
      const { status, problem } = await refused(service.url, bridge, bridgePost(body));
      expect({ status, rule: problem.rule, entry: problem.entry }).to.deep.equal({ status: 422, rule, entry });
    });
  }

  it('refuses a body larger than an archive may be', async () => {
    const { status, problem } = await refused(service.url, bridge, bridgePost(new Uint8Array(7_500_001)));
    expect(status).to.equal(413);
    expect(problem.detail).to.contain('7500000');
  });

  it('refuses a wrong token, whatever comes with it', async () => {
    expect((await refused(service.url, bridge, bridgePost(bundle({}), 'wrong'))).status).to.equal(401);
    const headers = { 'x-platform-challenge-slug': 'prism' };
    expect((await refused(service.url, '/internal/v1/get_weights', { headers })).status).to.equal(401);
  });

  it('knows no submission by an id that it never gave', async () => {
    const unknown = '/v1/submissions/00000000-0000-5000-8000-000000000000';
    expect((await refused(service.url, unknown)).status).to.equal(404);
    expect((await refused(service.url, `${unknown}/events`)).status).to.equal(404);
  });

  for (const [what, { archive, finding }] of Object.entries(rejected)) {
    it(`rejects a bundle ${what}, with rule and place`, async () => {
      const submission = await settled(service.client, await receive(archive, 'careless'));
      expect(submission).to.include({ status: 'rejected', attempts: 0, final_score: null });
      expect(submission.reason?.code).to.equal('gateFailed');
      expect(submission.reason?.findings).to.have.lengthOf(1);
      expect(submission.reason?.findings[0]).to.include(finding);
    });
  }

  it('fails a tokenizer of the own kind and a raising loop, each with its verdict and place', async () => {
    const ids = [await receive(ownTokenizer, 'inventor'), await receive(raising, 'hasty')];
    const [tokenizer, raised] = await Promise.all(ids.map((id) => settled(service.client, id)));
    expect(tokenizer).to.include({ status: 'failed', attempts: 1, final_score: null });
    expect(tokenizer?.reason).to.include({ code: 'contract', where: 'training.py:6' });
    expect(tokenizer?.reason?.message).to.contain('Letters').and.to.contain("'bytes'");
    expect(raised).to.include({ status: 'failed', attempts: 1, final_score: null });
    const line = lineOf(await readArchive(raising), 'a bug');
    expect(raised?.reason).to.include({ code: 'exception', where: `training.py:${line}` });
    expect(raised?.reason?.message).to.contain('ValueError: a bug');
  });

  it('has lost nothing and stored nothing by halves after all of that', async () => {
    const ends = ['SubmissionRejected', 'SubmissionFailed', 'SubmissionCompleted'];
    for (const id of accepted)
      await log.until(({ envelope }) => ends.includes(envelope.type) && envelope.correlationId === id);
    const received = log.seen.filter(({ envelope }) => envelope.type === 'SubmissionReceived');
    expect(received.map(({ envelope }) => envelope.correlationId)).to.deep.equal(accepted);
    for (const { envelope } of received) {
      const { bundle: stored } = z
        .looseObject({ bundle: z.object({ sha256: z.string(), bytes: z.number() }) })
        .parse(envelope.data);
      expect((await readBlob(home.dataDir, stored.sha256)).byteLength).to.equal(stored.bytes);
    }
    const ended = log.seen.filter(({ envelope }) => ends.includes(envelope.type));
    expect(ended.map(({ envelope }) => envelope.correlationId).toSorted()).to.deep.equal(accepted.toSorted());
    expect(log.seen.map(({ position }) => position)).to.deep.equal(log.seen.map((_, index) => index + 1));
    const health = await service.client.get(
      '/health',
      z.looseObject({ status: z.string(), reasons: z.array(z.string()) }),
    );
    expect(health).to.deep.include({ status: 'ok', reasons: [] });
  });
});

/** The line, from 1, of a bundle's training script that holds the text. */
function lineOf(archive: Awaited<ReturnType<typeof readArchive>>, text: string): number {
  const file = archive.kind === 'accepted' ? archive.files.find(({ path }) => path === 'training.py') : undefined;
  const lines = Buffer.from(file?.bytes ?? [])
    .toString()
    .split('\n');
  return lines.findIndex((line) => line.includes(text)) + 1;
}

import { execFileSync } from 'node:child_process';
import { mkdtemp, open, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { z } from 'zod';
import { eventsAnswer } from '../../cli/answers.ts';
import { openStorage } from '../../storage/open-storage.ts';
import { answerWith, approval, type ChatServer, calls, rejectionOf, startChat } from '../doubles/chat/server.ts';
import { architecture, bundle, training } from './bundles.ts';
import { type ServiceHome, type ServiceProcess, smallPolicy } from './service-process.ts';
import { handIn, settled, standing, untilStanding } from './submissions.ts';
import { describeServices } from './with-services.ts';

const key = 'sk-service-0123456789';
const heldSchema = z.looseObject({ hold: z.looseObject({ id: z.string() }).nullable() });
const healthSchema = z.looseObject({ reasons: z.array(z.string()), deferred_gates: z.array(z.looseObject({})) });

describeServices('with a reviewer', (services) => {
  let chat: ChatServer;
  let folder: string;
  let home: ServiceHome;
  let service: ServiceProcess;

  before(async () => {
    chat = await startChat();
    folder = await mkdtemp(join(tmpdir(), 'prism-key-'));
    await writeFile(join(folder, 'key'), `${key}\n`);
    home = await services.home({ ...smallPolicy, gates: { ...smallPolicy.gates, llm: 'on' } });
    service = await home.start({
      ...{ PRISM_LLM_URL: chat.baseUrl, PRISM_LLM_MODEL: 'a-model', PRISM_LLM_KEY_FILE: join(folder, 'key') },
    });
  });
  beforeEach(() => chat.always(calls(approval)));
  after(async () => {
    await home.stopAll();
    await chat.stop();
    await rm(folder, { recursive: true });
  });

  const typesOf = async (id: string) =>
    (await service.client.get(`/v1/submissions/${id}/events`, eventsAnswer)).events.map(({ type }) => type);
  const submit = (width: number, before = '') =>
    handIn(
      service.client,
      bundle({ architecture: architecture({ width }), training: training({ before }) }),
      `miner-${width}`,
    );

  it('reads a bundle whole, and once more as CPython frees it of comments, before any attempt', async () => {
    const id = await submit(8, '# a comment of the miner');
    const { status } = await settled(service.client, id);
    expect(status).to.equal('completed');
    const types = await typesOf(id);
    expect(types.slice(types.indexOf('SubmissionReviewed'))).to.deep.include.members(['GatePassed', 'RunRequested']);
    const sources = chat.seen.map(({ messages }) => messages.at(-1)?.content ?? '');
    expect(sources).to.have.length(2);
    for (const source of sources) expect(source).to.contain('class Recurrent(nn.Module)');
    expect(sources.filter((source) => source.includes('a comment of the miner'))).to.have.length(1);
    expect(chat.seen[0]?.authorization).to.equal(`Bearer ${key}`);
  });

  it('rejects with rule and line before a container of the miner’s has run', async () => {
    const before = 'weights = open("/usr/lib/os-release").read()';
    chat.always(calls(rejectionOf('training.py', 4)));
    const submission = await settled(service.client, await submit(9, before));
    expect(submission).to.deep.include({ status: 'rejected', attempts: 0 });
    expect(submission.reason?.findings[0]).to.deep.include({
      ...{ rule: 'prism:review-outside', path: 'training.py', line: 4 },
    });
  });

  it('holds on doubt until an operator decides, and goes on from there', async () => {
    chat.always(calls({ ...approval, verdict: 'suspicious' }));
    const id = await submit(10);
    expect(await settled(service.client, id)).to.include({ status: 'held' });
    const { hold } = await service.client.get(`/v1/submissions/${id}`, heldSchema);
    const decision = JSON.stringify({ resolution: 'release', operator: 'olga', reason: 'read it' });
    const headers = { 'content-type': 'application/json' };
    const path = `/internal/v1/holds/${hold?.id}/resolve`;
    await service.client.post(path, z.looseObject({}), Buffer.from(decision), headers);
    const { status } = await untilStanding(service.client, id, ({ status }) => status === 'completed');
    expect(status).to.equal('completed');
  });

  it('waits while nobody answers, says so, and comes back by itself', async () => {
    chat.always(answerWith(503));
    const id = await submit(11);
    await untilStanding(service.client, id, ({ reason }) => reason?.code === 'reviewerUnavailable');
    expect(await standing(service.client, id)).to.include({ status: 'pending' });
    const health = await service.client.get('/health', healthSchema);
    expect(health.reasons).to.include('gateDeferred:llm:reviewerUnavailable');
    chat.always(calls(approval));
    expect(await settled(service.client, id)).to.include({ status: 'completed' });
    expect(await typesOf(id))
      .to.include('GateDeferred')
      .and.not.include('SubmissionHeld');
  });

  it('answers HTTP while its gates stand still, and goes on from there', async () => {
    const keyFile = join(folder, 'key');
    await rename(keyFile, `${keyFile}.kept`);
    execFileSync('mkfifo', [keyFile]);
    const id = await submit(12);
    // Opens once the review reads its key, in a system call that ends when this end is closed.
    const pipe = await open(keyFile, 'w');
    expect(await service.client.get('/health', z.looseObject({ status: z.string() }))).to.include({ status: 'ok' });
    expect(await standing(service.client, id)).to.include({ status: 'pending' });
    await rename(`${keyFile}.kept`, keyFile);
    await pipe.writeFile(key);
    await pipe.close();
    expect(await settled(service.client, id)).to.include({ status: 'completed' });
  });

  it('has put its key nowhere', async () => {
    const storage = await openStorage({ dataDir: home.dataDir, readOnly: true });
    const events = await storage.log.readAll(0, 10_000);
    await storage.close();
    expect(events.length).to.be.greaterThan(20);
    for (const { bytes } of events) expect(Buffer.from(bytes).includes(key)).to.equal(false);
  });
});

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { pino } from 'pino';
import { eventsAnswer, submissionAnswer } from '../../cli/answers.ts';
import { demoConfig } from '../../cli/commands/demo.ts';
import { handIn } from '../../cli/commands/submit.ts';
import { CommandError } from '../../cli/exit-codes.ts';
import { packageRoot } from '../../cli/package-root.ts';
import { type ServiceClient, serviceClient } from '../../cli/service-client.ts';
import { type Config, readConfig } from '../../config.ts';
import { sha256Hex } from '../../domain/blob-digest.ts';
import { type Service, startService } from '../../main.ts';
import { callErrors } from '../doubles/kurrent/errors.ts';
import { type S3Server, startS3 } from '../doubles/s3/server.ts';
import { type Cluster, startCluster } from '../storage/kurrent-fixtures.ts';

const token = 'cluster-token';
const example = (name: string) => join(packageRoot, 'examples', name);

/** Each node is a service with a data folder of its own; log and blobs are shared, over the loopback doubles. */
describe('API nodes on a cluster', () => {
  let cluster: Cluster;
  let s3: S3Server;
  let folder: string;
  const services: Service[] = [];
  const environment = { ...process.env };

  beforeEach(async () => {
    cluster = await startCluster();
    s3 = await startS3('prism', { accessKeyId: 'key', secretAccessKey: 'secret' });
    folder = await mkdtemp(join(tmpdir(), 'prism-cluster-'));
    Object.assign(process.env, { AWS_ACCESS_KEY_ID: 'key', AWS_SECRET_ACCESS_KEY: 'secret' });
  });
  afterEach(async () => {
    for (const service of services.splice(0)) await service.close();
    await Promise.all([cluster.stop(), s3.stop()]);
    await rm(folder, { recursive: true });
    for (const name of ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY']) delete process.env[name];
    Object.assign(process.env, environment);
  });

  const configOf = (name: string): Config =>
    readConfig({
      PRISM_DATA_DIR: join(folder, name),
      PRISM_LOG: cluster.url,
      PRISM_BLOBS: `s3://prism/blobs?endpoint=${s3.endpoint}`,
      PRISM_PORT: '0',
      PRISM_SHARED_TOKEN: token,
    });

  async function startNode(config: Config): Promise<ServiceClient> {
    const service = await startService(config, { api: true, runtime: null }, pino({ level: 'silent' }));
    services.push(service);
    return serviceClient(service.url ?? '', config.sharedToken);
  }

  it('answer for one log: what one receives, the others know at once', async () => {
    const [one, other] = [await startNode(configOf('one')), await startNode(configOf('other'))];
    const received = await handIn(one, example('gru'), 'alice');
    const seen = await other.get(`/v1/submissions/${received.id}`, submissionAnswer);
    expect(seen).to.deep.include({ id: received.id, hotkey: 'alice', status: 'pending' });
    const { events } = await other.get(`/v1/submissions/${received.id}/events`, eventsAnswer);
    expect(events.map(({ type }) => type)).to.deep.equal(['SubmissionReceived']);
    expect(await handIn(other, example('gru'), 'alice')).to.deep.equal(received);
    const blobs = [...s3.objects].map(([key, bytes]) => [key, sha256Hex(bytes)] as const);
    expect(blobs).to.have.length(1);
    for (const [key, sha256] of blobs) expect(key).to.equal(`blobs/${sha256.slice(0, 2)}/${sha256}`);
  });

  it('receive one bundle handed in at all of them at once as one submission', async () => {
    const nodes = await Promise.all(['one', 'two', 'three'].map((name) => startNode(configOf(name))));
    const received = await Promise.all(nodes.map((node) => handIn(node, example('transformer'), 'bob')));
    expect(new Set(received.map(({ id }) => id)).size).to.equal(1);
    const id = received[0]?.id ?? '';
    const stored = cluster.database.all.filter(({ stream }) => stream === `prism.submission-${id}`);
    expect(stored.map(({ type }) => type)).to.deep.equal(['SubmissionReceived']);
    const policies = cluster.database.all.filter(({ stream }) => stream === 'prism.policy');
    expect(policies.map(({ type }) => type)).to.deep.equal(['PolicyActivated']);
  });

  it('keep answering while the leader changes, and read on from where they were after a restart', async () => {
    const one = await startNode(configOf('one'));
    const before = await handIn(one, example('gru'), 'alice');
    cluster.node.refuse('append', callErrors.noLeader(), { when: 'after', error: callErrors.timeout() });
    cluster.node.breakSubscriptions(callErrors.notReady());
    const during = await handIn(one, example('crash'), 'carol');
    expect((await one.get(`/v1/submissions/${during.id}`, submissionAnswer)).status).to.equal('pending');
    await services.shift()?.close();
    const again = await startNode(configOf('one'));
    for (const { id } of [before, during]) {
      expect((await again.get(`/v1/submissions/${id}`, submissionAnswer)).id).to.equal(id);
    }
  });

  it('answer 503 and store nothing while the blob store refuses', async () => {
    const one = await startNode(configOf('one'));
    s3.disturb({ status: 403, code: 'AccessDenied' });
    const refused = await handIn(one, example('gru'), 'alice').catch((error: unknown) => error);
    expect(refused)
      .to.be.instanceOf(CommandError)
      .with.nested.property('detail.type')
      .that.contains('blobsUnavailable');
    expect(cluster.database.all.filter(({ stream }) => stream.startsWith('prism.submission-'))).to.deep.equal([]);
    expect((await handIn(one, example('gru'), 'alice')).status).to.equal('pending');
  });

  it('say that they are unavailable while no leader answers', async () => {
    await startNode(configOf('one'));
    cluster.node.follow('unknown');
    const response = await fetch(new URL('/health', services[0]?.url ?? ''));
    expect(response.status).to.equal(503);
    expect(await response.json()).to.deep.include({ status: 'unavailable', reasons: ['logUnavailable'] });
    cluster.node.follow(null);
  });

  it('run the demo on a log of its own in the cluster', async () => {
    const config = demoConfig(configOf('demo'), { streamBytes: undefined, log: cluster.url });
    const demo = await startNode({ ...config, dataDir: join(folder, 'demo') });
    const { id } = await handIn(demo, example('gru'), 'demo-bob');
    expect((await demo.get(`/v1/submissions/${id}`, submissionAnswer)).status).to.equal('pending');
    const streams = new Set(cluster.database.all.map(({ stream }) => stream.split('.')[0]));
    expect([...streams].filter((prefix) => /^demo[0-9a-f]{8}$/.test(prefix ?? ''))).to.have.length(1);
    expect(demoConfig(config, { streamBytes: undefined, log: `${cluster.url}&streamPrefix=mine` }).logUrl).to.equal(
      `${cluster.url}&streamPrefix=mine`,
    );
  });
});

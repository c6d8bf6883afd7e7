import { EventStoreDBClient, jsonEvent } from '@eventstore/db-client';
import { expect } from 'chai';
import { toAttachment } from '../../domain/blob-digest.ts';
import type { ExpectedRevision } from '../../domain/ports/event-log.ts';
import { AppendTooLargeError, LogUnavailableError, MixedAppendError } from '../../domain/ports/event-log-errors.ts';
import { StoredEventError } from '../../storage/stored-event.ts';
import { callErrors } from '../doubles/kurrent/errors.ts';
import { type KurrentNode, startNode } from '../doubles/kurrent/node.ts';
import { appended, eventNamed, eventsNamed, faultOf, namesOf, range } from './fixtures.ts';
import { briefly, type Cluster, startCluster } from './kurrent-fixtures.ts';

const impatient = { ...briefly, patienceMs: 0 };

describe('kurrent event log', () => {
  let cluster: Cluster;
  const others: KurrentNode[] = [];
  beforeEach(async () => {
    cluster = await startCluster();
  });
  afterEach(async () => {
    await cluster.stop();
    for (const node of others.splice(0)) node.stop();
  });

  /** A second node of the same cluster. */
  async function secondNode(): Promise<KurrentNode> {
    const node = await startNode(cluster.database);
    others.push(node);
    const members = [cluster.node, node];
    for (const member of members) member.knows(members);
    return node;
  }

  const stored = () => cluster.database.all.filter(({ stream }) => stream.startsWith('prism.'));

  describe('what is stored', () => {
    it('is the canonical bytes, as a binary event of that type and id, in a stream with the prefix', async () => {
      const log = cluster.open();
      const event = eventNamed('1', 'a', { b: 1, a: 'ü' });
      await log.append('a', 'noStream', [event]);
      const [record] = stored();
      expect(record).to.include({ stream: 'prism.a', id: event.id, type: event.type });
      expect(record?.contentType).to.equal('application/octet-stream');
      const [read] = await log.readStream('a');
      expect(Buffer.from(record?.data ?? []).equals(Buffer.from(read?.bytes ?? []))).to.equal(true);
    });

    it('has positions that rise, with gaps', async () => {
      const log = cluster.open();
      await log.append('a', 'noStream', eventsNamed(['1', '2'], 'a'));
      const [first, second] = await log.readAll(0, 10);
      expect((second?.position ?? 0) - (first?.position ?? 0)).to.be.above(1);
    });

    it('is kept apart from other logs and other applications in the database', async () => {
      const log = cluster.open();
      const neighbour = cluster.open({ url: `${cluster.url}&streamPrefix=other` });
      const stock = EventStoreDBClient.connectionString(cluster.url);
      await log.append('a', 'noStream', eventsNamed(['1'], 'a'));
      await neighbour.append('a', 'noStream', eventsNamed(['theirs'], 'a'));
      const noise = range(1, 40).map((n) => jsonEvent({ type: 'Noise', data: { n } }));
      await stock.appendToStream('noise', noise);
      expect(await log.head()).to.equal((await log.readAll(0, 10)).at(-1)?.position);
      await log.append('a', 0, eventsNamed(['2'], 'a'));
      await stock.appendToStream(
        'noise',
        noise.map(({ data }) => jsonEvent({ type: 'Noise', data })),
      );
      expect(namesOf(await log.readAll(0, 10))).to.deep.equal(['1', '2']);
      expect(namesOf(await neighbour.readAll(0, 10))).to.deep.equal(['theirs']);
      const seen: unknown[] = [];
      const subscription = log.subscribe(0, (page) => {
        seen.push(...namesOf(page));
        if (seen.length === 2) void subscription.close();
      });
      await subscription.ended;
      expect(seen).to.deep.equal(['1', '2']);
      expect(await cluster.open().head()).to.equal((await log.readAll(0, 10)).at(-1)?.position);
      await stock.dispose();
    });

    it('is read over more than a page of what isn’t ours', async () => {
      const log = cluster.open();
      const stock = EventStoreDBClient.connectionString(cluster.url);
      for (const name of ['1', '2', '3']) {
        await log.append('a', 'any', eventsNamed([name], 'a'));
        await stock.appendToStream(
          'noise',
          range(1, 30).map((n) => jsonEvent({ type: 'Noise', data: { n } })),
        );
      }
      expect(namesOf(await log.readAll(0, 2))).to.deep.equal(['1', '2']);
      const [, second] = await log.readAll(0, 2);
      expect(namesOf(await log.readAll(second?.position ?? 0, 2))).to.deep.equal(['3']);
      await stock.dispose();
    });

    it('puts attachments into the blob store first', async () => {
      const { attachment } = toAttachment(Buffer.from('bundle'));
      cluster.node.refuse('append', callErrors.accessDenied());
      await faultOf(cluster.open().append('a', 'noStream', eventsNamed(['1'], 'a'), [attachment]));
      expect(await cluster.blobs.has(attachment.sha256)).to.equal(true);
      expect(stored()).to.deep.equal([]);
    });
  });

  describe('appends that meet a lost leader', () => {
    const outages = {
      'no leader': callErrors.noLeader(),
      'a node that isn’t ready': callErrors.notReady(),
      'a commit that took too long': callErrors.timeout(),
      'a cancelled call': callErrors.cancelled(),
    };
    for (const [what, error] of Object.entries(outages)) {
      it(`try again after ${what}`, async () => {
        cluster.node.refuse('append', error, error, error);
        const result = await cluster.open().append('a', 'noStream', eventsNamed(['1'], 'a'));
        expect(result).to.deep.include({ kind: 'appended', revision: 0 });
        expect(cluster.node.calls.append).to.equal(4);
      });

      for (const expected of ['noStream', 'any', 'streamExists', 1] satisfies ExpectedRevision[]) {
        it(`are stored once where ${what} hides the answer, expecting ${expected}`, async () => {
          const log = cluster.open();
          if (expected !== 'noStream') await log.append('a', 'noStream', eventsNamed(['0a', '0b'], 'a'));
          cluster.node.refuse('append', { when: 'after', error }, { when: 'before', error });
          const result = appended(await log.append('a', expected, eventsNamed(['1', '2'], 'a')));
          expect(namesOf(await log.readStream('a')).filter((name) => name === '1' || name === '2')).to.have.length(2);
          expect(result.position).to.equal(stored().at(-1)?.position);
          expect(result.revision).to.equal(stored().at(-1)?.revision);
        });
      }
    }

    it('are told their own place where another writer came in before the answer was asked for again', async () => {
      const [log, other] = [cluster.open(), cluster.open()];
      await log.append('a', 'noStream', eventsNamed(['0'], 'a'));
      const late = eventNamed('late', 'a');
      cluster.node.refuse('append', {
        when: 'after',
        error: callErrors.timeout(),
        meanwhile: () => {
          const proposed = { ...late, contentType: 'application/octet-stream', metadata: Buffer.alloc(0) };
          cluster.database.append('prism.a', 1, [{ ...proposed, data: Buffer.from(JSON.stringify(late)) }]);
        },
      });
      const result = appended(await log.append('a', 0, eventsNamed(['1'], 'a')));
      expect(result).to.deep.equal({ kind: 'appended', revision: 1, position: stored().at(1)?.position });
      expect(namesOf(await other.readStream('a'))).to.deep.equal(['0', '1', 'late']);
      expect(await log.append('a', 1, eventsNamed(['2'], 'a'))).to.deep.equal({ kind: 'conflict', actual: 2 });
    });

    it('give up when patience runs out, with the reason and the client’s type', async () => {
      const log = cluster.open({ patience: impatient });
      cluster.node.refuse('append', callErrors.notReady());
      const fault = await faultOf(log.append('a', 'noStream', eventsNamed(['1'], 'a')));
      expect(fault).to.be.instanceOf(LogUnavailableError).with.include({ reason: 'unreachable', code: 'unavailable' });
      expect(String(fault)).to.contain(`esdb://127.0.0.1:${cluster.node.port()}`);
    });

    it('follow the leader that a node names, and come back when it is gone', async () => {
      const log = cluster.open();
      const leader = await secondNode();
      cluster.node.follow(leader);
      await log.append('a', 'noStream', eventsNamed(['1'], 'a'));
      expect(leader.calls.append).to.equal(1);
      leader.stop();
      cluster.node.follow('unknown');
      const appending = log.append('a', 0, eventsNamed(['2'], 'a'));
      await until(() => cluster.node.calls.append > 1);
      cluster.node.follow(null);
      expect(await appending).to.deep.include({ kind: 'appended', revision: 1 });
      expect(namesOf(await log.readAll(0, 10))).to.deep.equal(['1', '2']);
    });

    it('find the leader of a cluster by gossip, and the next one', async () => {
      const second = await secondNode();
      second.follow(cluster.node);
      const hosts = [second, cluster.node].map((node) => `127.0.0.1:${node.port()}`).join(',');
      const log = cluster.open({ url: `esdb://${hosts}?tls=false&discoveryInterval=5` });
      await log.append('a', 'noStream', eventsNamed(['1'], 'a'));
      expect([cluster.node.calls.append, second.calls.append]).to.deep.equal([1, 0]);
      cluster.node.stop();
      second.knows([second]);
      second.follow(null);
      await log.append('a', 0, eventsNamed(['2'], 'a'));
      expect(second.calls.append).to.equal(1);
      expect(namesOf(await log.readAll(0, 10))).to.deep.equal(['1', '2']);
    });

    it('survive a cluster of which no node answers for a while', async () => {
      const second = await secondNode();
      const hosts = [second, cluster.node].map((node) => `127.0.0.1:${node.port()}`).join(',');
      const url = `esdb://${hosts}?tls=false&discoveryInterval=1&maxDiscoverAttempts=1`;
      cluster.node.stop();
      second.stop();
      const log = cluster.open({ url });
      const refused = await faultOf(cluster.open({ url, patience: impatient }).head());
      expect(refused).to.be.instanceOf(LogUnavailableError).with.property('reason', 'unreachable');
      const appending = log.append('a', 'noStream', eventsNamed(['1'], 'a'));
      await Promise.all([cluster.node.restart(), second.restart()]);
      expect((await appending).kind).to.equal('appended');
    });

    it('that hang are asked again', async () => {
      const log = cluster.open({
        url: `${cluster.url}&defaultDeadline=50`,
        patience: { ...briefly, readTimeoutMs: 50 },
      });
      cluster.node.refuse('append', { when: 'never' });
      await log.append('a', 'noStream', eventsNamed(['1'], 'a'));
      cluster.node.refuse('read', { when: 'never' });
      expect(namesOf(await log.readAll(0, 10))).to.deep.equal(['1']);
    });

    it('do not hold up the closing of the log', async () => {
      const log = cluster.open({ patience: { ...briefly, firstBackoffMs: 60_000, longestBackoffMs: 60_000 } });
      cluster.node.refuse('append', callErrors.noLeader());
      const appending = faultOf(log.append('a', 'noStream', eventsNamed(['1'], 'a')));
      await until(() => cluster.node.calls.append === 1);
      await log.close();
      expect(await appending).to.be.instanceOf(LogUnavailableError);
    });
  });

  describe('several processes', () => {
    it('know each other’s ids', async () => {
      const [one, other] = [cluster.open(), cluster.open()];
      const first = await one.append('a', 'noStream', eventsNamed(['1', '2'], 'a'));
      await one.append('a', 1, eventsNamed(['3'], 'a'));
      for (const expected of ['noStream', 'any', 2, 7] satisfies ExpectedRevision[]) {
        expect(await cluster.open().append('a', expected, eventsNamed(['1', '2'], 'a'))).to.deep.equal(first);
      }
      expect(await faultOf(other.append('a', 2, eventsNamed(['3', '4'], 'a')))).to.be.instanceOf(MixedAppendError);
      expect(stored()).to.have.length(3);
    });

    it('learn of each other by conflicts, one winner a revision', async () => {
      const logs = [cluster.open(), cluster.open(), cluster.open()];
      for (const revision of range(0, 9)) {
        const expected = revision === 0 ? 'noStream' : revision - 1;
        const results = await Promise.all(
          logs.map((log, index) => log.append('a', expected, eventsNamed([`${revision}.${index}`], 'a'))),
        );
        expect(results.filter(({ kind }) => kind === 'appended')).to.have.length(1);
        for (const result of results) if (result.kind === 'conflict') expect(result.actual).to.equal(revision);
      }
    });

    it('all get a place where they expect nothing', async () => {
      const logs = [cluster.open(), cluster.open(), cluster.open()];
      const names = range(1, 45).map(String);
      await Promise.all(names.map((name, index) => logs[index % 3]?.append('a', 'any', eventsNamed([name], 'a'))));
      expect(new Set(namesOf(await cluster.open().readStream('a')))).to.deep.equal(new Set(names));
    });
  });

  describe('what no other try would change', () => {
    it('an append larger than the server takes is a clear error, and stores nothing', async () => {
      const log = cluster.open();
      const large = range(1, 3).map((n) => eventNamed(`${n}`, 'a', { filler: 'x'.repeat(400_000) }));
      const fault = await faultOf(log.append('a', 'noStream', large));
      expect(fault).to.be.instanceOf(AppendTooLargeError).with.include({ stream: 'a', limitBytes: 1_048_576 });
      expect(String(fault)).to.contain('takes no more than 1048576 bytes at once');
      expect(stored()).to.deep.equal([]);
      expect((await log.append('a', 'noStream', large.slice(0, 2))).kind).to.equal('appended');
      expect(cluster.node.calls.append).to.equal(2);
    });

    it('so is a single event, where the server limits those', async () => {
      cluster.node.limits.eventBytes = 10_000;
      const large = eventNamed('1', 'a', { filler: 'x'.repeat(20_000) });
      const fault = await faultOf(cluster.open().append('a', 'noStream', [large]));
      expect(fault).to.be.instanceOf(AppendTooLargeError).with.property('limitBytes', 10_000);
      expect(cluster.node.calls.append).to.equal(1);
    });

    it('a stream that somebody deleted is damage', async () => {
      const log = cluster.open();
      await log.append('a', 'noStream', eventsNamed(['1'], 'a'));
      cluster.database.tombstone('prism.a');
      for (const fault of [faultOf(log.readStream('a')), faultOf(log.append('a', 0, eventsNamed(['2'], 'a')))]) {
        expect(await fault)
          .to.be.instanceOf(LogUnavailableError)
          .with.include({ reason: 'damaged', code: 'stream-deleted' });
      }
    });

    it('so is one that somebody cut', async () => {
      const log = cluster.open();
      await log.append('a', 'noStream', eventsNamed(['1'], 'a'));
      const stock = EventStoreDBClient.connectionString(cluster.url);
      await stock.deleteStream('prism.a');
      const left = { ...eventNamed('2', 'a'), contentType: 'application/octet-stream', metadata: Buffer.alloc(0) };
      cluster.database.append('prism.a', 'noStream', [{ ...left, data: Buffer.from('{}') }]);
      const fault = await faultOf(cluster.open().readStream('a'));
      expect(fault).to.be.instanceOf(LogUnavailableError).with.property('reason', 'damaged');
      await stock.dispose();
    });

    it('an event that somebody else put into a stream of ours can’t be read', async () => {
      const stock = EventStoreDBClient.connectionString(cluster.url);
      await stock.appendToStream('prism.a', [jsonEvent({ type: 'Foreign', data: {} })]);
      expect(await faultOf(cluster.open().readAll(0, 10))).to.be.instanceOf(StoredEventError);

      await stock.dispose();
    });

    it('credentials that aren’t good enough are told at once', async () => {
      cluster.node.refuse('read', callErrors.accessDenied());
      const fault = await faultOf(cluster.open().head());
      expect(fault).to.be.instanceOf(LogUnavailableError).with.property('reason', 'accessDenied');
      expect(cluster.node.calls.read).to.equal(1);
    });
  });
});

/** Waits for something that happens on another turn of the event loop; the test's own timeout ends it. */
async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setImmediate(resolve));
}

import { EventStoreDBClient, jsonEvent } from '@eventstore/db-client';
import { expect } from 'chai';
import { LogUnavailableError } from '../../domain/ports/event-log-errors.ts';
import { StoredEventError } from '../../storage/stored-event.ts';
import { callErrors } from '../doubles/kurrent/errors.ts';
import { startNode } from '../doubles/kurrent/node.ts';
import { eventsNamed, faultOf, namesOf, range } from './fixtures.ts';
import { type Cluster, startCluster } from './kurrent-fixtures.ts';
import { collector } from './subscription-contract.ts';

describe('kurrent subscription', () => {
  let cluster: Cluster;
  beforeEach(async () => {
    cluster = await startCluster();
  });
  afterEach(() => cluster.stop());

  const names = (from: number, to: number) => range(from, to).map(String);

  const breaks = {
    'for being too slow': callErrors.timeout(),
    'by a node that shuts down': callErrors.notReady(),
    'with a cancelled call': callErrors.cancelled(),
    'by a node that knows no leader': callErrors.noLeader(),
    'by an end without a reason': null,
  };
  for (const [how, error] of Object.entries(breaks)) {
    it(`broken off ${how} goes on where it was, without gaps or repeats`, async () => {
      const log = cluster.open();
      const seen = collector();
      const subscription = log.subscribe(0, seen.onPage);
      await log.append('a', 'noStream', eventsNamed(names(1, 5), 'a'));
      await seen.until(5);
      cluster.node.breakSubscriptions(error);
      await log.append('a', 4, eventsNamed(names(6, 10), 'a'));
      await seen.until(10);
      cluster.node.breakSubscriptions(error);
      await log.append('a', 9, eventsNamed(names(11, 12), 'a'));
      await seen.until(12);
      expect(namesOf(seen.events)).to.deep.equal(names(1, 12));
      await subscription.close();
    });
  }

  it('broken off again and again in the middle of a long catch-up loses and repeats nothing', async () => {
    const log = cluster.open();
    await log.append('a', 'noStream', eventsNamed(names(1, 1_500), 'a'));
    const seen = collector();
    let pages = 0;
    const subscription = log.subscribe(0, (page) => {
      seen.onPage(page);
      pages += 1;
      if (pages % 2 === 1) cluster.node.breakSubscriptions(callErrors.timeout());
    });
    await seen.until(1_500);
    expect(namesOf(seen.events)).to.deep.equal(names(1, 1_500));
    expect(cluster.node.subscribedAfter.length).to.be.above(1);
    await subscription.close();
  });

  it('is taken up again until the cluster is back, however often it is refused', async () => {
    const log = cluster.open();
    const seen = collector();
    cluster.node.refuse('read', ...range(1, 12).map(() => callErrors.noLeader()));
    const subscription = log.subscribe(0, seen.onPage);
    await log.append('a', 'noStream', eventsNamed(['1'], 'a'));
    await seen.until(1);
    cluster.node.stop();
    await cluster.node.restart();
    await log.append('a', 0, eventsNamed(['2'], 'a'));
    await seen.until(2);
    expect(namesOf(seen.events)).to.deep.equal(['1', '2']);
    await subscription.close();
  });

  it('moves to the leader that a node names', async () => {
    const log = cluster.open();
    const leader = await startNode(cluster.database);
    const seen = collector();
    cluster.node.follow(leader);
    const subscription = log.subscribe(0, seen.onPage);
    await log.append('a', 'noStream', eventsNamed(['1'], 'a'));
    await seen.until(1);
    expect(leader.subscribedAfter).to.deep.equal([-1]);
    await subscription.close();
    leader.stop();
  });

  it('starts again from the server’s checkpoint where nothing of ours came for long', async () => {
    const log = cluster.open();
    const seen = collector();
    const subscription = log.subscribe(0, seen.onPage);
    await log.append('a', 'noStream', eventsNamed(['1'], 'a'));
    await seen.until(1);
    const stock = EventStoreDBClient.connectionString(cluster.url);
    await stock.appendToStream(
      'noise',
      range(1, 1_200).map((n) => jsonEvent({ type: 'Noise', data: { n } })),
    );
    await log.append('a', 0, eventsNamed(['2'], 'a'));
    await seen.until(2);
    await stock.appendToStream(
      'noise',
      range(1, 1_200).map((n) => jsonEvent({ type: 'Noise', data: { n } })),
    );
    await stock.appendToStream('$ended', [jsonEvent({ type: '$ended', data: {} })]);
    const position = seen.events.at(-1)?.position ?? 0;
    do {
      cluster.node.breakSubscriptions(callErrors.timeout());
      await turn();
    } while ((cluster.node.subscribedAfter.at(-1) ?? 0) <= position);
    await log.append('a', 1, eventsNamed(['3'], 'a'));
    await seen.until(3);
    expect(namesOf(seen.events)).to.deep.equal(['1', '2', '3']);
    await Promise.all([subscription.close(), stock.dispose()]);
  });

  it('holds at most two pages for a subscriber that is slow', async () => {
    const log = cluster.open();
    await log.append('a', 'noStream', eventsNamed(names(1, 4_000), 'a'));
    let sent = 0;
    let release = () => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    const seen = collector();
    const subscription = log.subscribe(0, async (page) => {
      await held;
      seen.onPage(page);
    });
    // What isn't read stays with the server: what it has sent stops growing.
    for (let quiet = 0; quiet < 50; quiet += 1) {
      await turn();
      const now = cluster.node.eventsSent();
      if (now !== sent) quiet = 0;
      sent = now;
    }
    expect(sent).to.be.below(3_000);
    release();
    await seen.until(4_000);
    expect(namesOf(seen.events)).to.deep.equal(names(1, 4_000));
    await subscription.close();
  });

  it('ends where the credentials are not good enough, or an event can’t be read', async () => {
    const log = cluster.open();
    cluster.node.refuse('read', callErrors.accessDenied());
    const denied = await faultOf(log.subscribe(0, () => {}).ended);
    expect(denied).to.be.instanceOf(LogUnavailableError).with.property('reason', 'accessDenied');
    const stock = EventStoreDBClient.connectionString(cluster.url);
    await stock.appendToStream('prism.a', [jsonEvent({ type: 'Foreign', data: {} })]);
    expect(await faultOf(log.subscribe(0, () => {}).ended)).to.be.instanceOf(StoredEventError);
    await stock.dispose();
  });

  it('ends where no event of this log stands at the position that it was to start behind', async () => {
    const log = cluster.open();
    await log.append('a', 'noStream', eventsNamed(['1'], 'a'));
    const fault = await faultOf(log.subscribe((await log.head()) + 1, () => {}).ended);
    expect(String(fault)).to.contain('invalid position');
  });

  it('closes during an outage', async () => {
    const log = cluster.open();
    cluster.node.stop();
    const subscription = log.subscribe(0, () => {});
    await turn();
    await subscription.close();
    await subscription.ended;
  });
});

const turn = () => new Promise((resolve) => setImmediate(resolve));

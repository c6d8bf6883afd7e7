import { expect } from 'chai';
import fc from 'fast-check';
import { callErrors } from '../doubles/kurrent/errors.ts';
import { type KurrentNode, startNode } from '../doubles/kurrent/node.ts';
import { appended, eventsNamed, namesOf, range } from './fixtures.ts';
import { startCluster } from './kurrent-fixtures.ts';
import { collector } from './subscription-contract.ts';

const appends = 60;

/** What goes wrong before an append: which of two nodes, and how. */
const mishaps = fc.array(
  fc.record({
    at: fc.nat(appends - 1),
    node: fc.constantFrom(0, 1),
    kind: fc.constantFrom('lostAnswer', 'refusal', 'brokenSubscriptions', 'restart', 'newLeader', 'election'),
  }),
  { maxLength: 30 },
);

describe('kurrent event log in a restless cluster', () => {
  it('stores every append once, and its subscribers miss nothing', async function () {
    this.timeout(60_000);
    await fc.assert(fc.asyncProperty(mishaps, lastsThrough), { numRuns: 8 });
  });
});

async function lastsThrough(plan: readonly { at: number; node: number; kind: string }[]): Promise<void> {
  const cluster = await startCluster();
  const second = await startNode(cluster.database);
  const nodes = [cluster.node, second];
  for (const node of nodes) node.knows(nodes);
  second.follow(cluster.node);
  const hosts = nodes.map((node) => `127.0.0.1:${node.port()}`).join(',');
  const url = `esdb://${hosts}?tls=false&discoveryInterval=2`;
  const [writer, rival, reader] = [cluster.open({ url }), cluster.open({ url }), cluster.open({ url })];
  const seen = collector();
  const subscription = reader.subscribe(0, seen.onPage);
  try {
    for (const index of range(0, appends - 1)) {
      for (const { node, kind } of plan.filter(({ at }) => at === index)) await disturb(nodes, node, kind);
      // Both write the same: one stores it, and both are told its place.
      const events = eventsNamed([`${index}`], 'a');
      const expected = index === 0 ? 'noStream' : index - 1;
      const results = await Promise.all([writer, rival].map((log) => log.append('a', expected, events)));
      for (const result of results) expect(appended(result).revision).to.equal(index);
      expect(results[0]).to.deep.equal(results[1]);
    }
    await seen.until(appends);
    const names = range(0, appends - 1).map(String);
    expect(namesOf(seen.events)).to.deep.equal(names);
    expect(namesOf(await reader.readAll(0, 1_000))).to.deep.equal(names);
    await subscription.close();
  } finally {
    second.stop();
    await cluster.stop();
  }
}

async function disturb(nodes: readonly KurrentNode[], index: number, kind: string): Promise<void> {
  const [node, other] = [nodes[index], nodes[1 - index]];
  if (node === undefined || other === undefined) return;
  switch (kind) {
    case 'lostAnswer':
      return node.refuse('append', { when: 'after', error: callErrors.timeout() });
    case 'refusal':
      return node.refuse('read', callErrors.notReady());
    case 'brokenSubscriptions':
      return node.breakSubscriptions(callErrors.timeout());
    case 'restart':
      node.stop();
      return node.restart();
    case 'newLeader':
      node.follow(null);
      return other.follow(node);
    case 'election':
      node.follow('unknown');
      other.follow('unknown');
      setImmediate(() => {
        node.follow(null);
        other.follow(node);
      });
  }
}

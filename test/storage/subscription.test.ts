import { expect } from 'chai';
import type { RecordedEvent } from '../../domain/event.ts';
import { encodeEnvelope } from '../../storage/stored-event.ts';
import { subscriptionsTo } from '../../storage/subscription.ts';
import { eventNamed, range } from './fixtures.ts';

const events = range(1, 5_000).map((position): RecordedEvent => {
  const envelope = eventNamed(`${position}`, 'a');
  return { envelope, position, revision: position - 1, bytes: encodeEnvelope(envelope) };
});

describe('subscriptions', () => {
  it('read nothing more for a subscriber that is stuck, however often they are woken', async () => {
    let reads = 0;
    const subscriptions = subscriptionsTo(async (after, limit) => {
      reads += 1;
      return events.slice(after, after + limit);
    });
    let release = () => {};
    const stuck = new Promise<void>((resolve) => {
      release = resolve;
    });
    let delivered = 0;
    const inHand = new Promise<void>((resolve) => {
      subscriptions.open(0, async (page) => {
        delivered += page.length;
        resolve();
        await stuck;
      });
    });
    await inHand;
    for (const _ of range(1, 1_000)) subscriptions.wakeAll();
    for (const _ of range(1, 20)) await new Promise((resolve) => setImmediate(resolve));
    expect({ reads, delivered }).to.deep.equal({ reads: 1, delivered: 512 });
    release();
    await subscriptions.closeAll();
  });

  it('watch for others only while somebody listens', async () => {
    let watching = 0;
    const subscriptions = subscriptionsTo(
      async () => [],
      () => {
        watching += 1;
        return () => {
          watching -= 1;
        };
      },
    );
    const open = [subscriptions.open(0, () => {}), subscriptions.open(0, () => {})];
    expect(watching).to.equal(1);
    await open[0]?.close();
    expect(watching).to.equal(1);
    await open[1]?.close();
    expect(watching).to.equal(0);
  });
});

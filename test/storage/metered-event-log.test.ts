import { expect } from 'chai';
import { Registry } from 'prom-client';
import { LogUnavailableError } from '../../domain/ports/event-log-errors.ts';
import { memoryEventLog } from '../../storage/memory-event-log.ts';
import { meteredEventLog } from '../../storage/metered-event-log.ts';
import { memoryStorage } from '../../storage/open-storage.ts';
import { describeEventLogContract } from './event-log-contract.ts';
import { eventsNamed, faultOf } from './fixtures.ts';

describeEventLogContract(
  'metered',
  async () => {
    const { log, blobs, close } = memoryStorage();
    return { log: meteredEventLog(log, new Registry()).followedBy('test'), blobs, dispose: close };
  },
  { findsIdsInOtherStreams: true },
);

describe('a metered event log', () => {
  async function sampleOf(registry: Registry, name: string): Promise<string | undefined> {
    const lines = (await registry.metrics()).split('\n');
    return lines.find((line) => line.startsWith(`${name} `))?.slice(name.length + 1);
  }

  it('counts appends by their outcome, and the events that came of them', async () => {
    const registry = new Registry();
    const { log } = meteredEventLog(memoryEventLog(), registry);
    await log.append('a', 'noStream', eventsNamed(['1', '2'], 'a'));
    await log.append('a', 1, eventsNamed(['3'], 'a'));
    await log.append('a', 'noStream', eventsNamed(['4'], 'a'));
    await log.close();
    expect(await faultOf(log.append('a', 'any', eventsNamed(['5'], 'a')))).to.be.instanceOf(LogUnavailableError);
    expect(await sampleOf(registry, 'prism_append_seconds_count{outcome="appended"}')).to.equal('2');
    expect(await sampleOf(registry, 'prism_append_seconds_count{outcome="conflict"}')).to.equal('1');
    expect(await sampleOf(registry, 'prism_append_seconds_count{outcome="fault"}')).to.equal('1');
    expect(await sampleOf(registry, 'prism_appended_events_total')).to.equal('3');
  });

  it('tells how far each subscriber is behind, counting only what it is through with', async () => {
    const registry = new Registry();
    const { log, followedBy } = meteredEventLog(memoryEventLog(), registry);
    let letOn = () => {};
    const through = new Promise<void>((resolve) => {
      letOn = resolve;
    });
    await log.append('a', 'any', eventsNamed(['1', '2', '3'], 'a'));
    const slow = followedBy('slow').subscribe(1, () => through);
    let seen = () => {};
    const delivered = new Promise<void>((resolve) => {
      seen = resolve;
    });
    const quick = followedBy('quick').subscribe(0, () => seen());
    await delivered;
    await quick.close();
    expect(await sampleOf(registry, 'prism_subscription_lag{subscriber="slow"}')).to.equal('2');
    expect(await sampleOf(registry, 'prism_subscription_lag{subscriber="quick"}')).to.equal('0');
    letOn();
    await slow.close();
    expect(await sampleOf(registry, 'prism_subscription_lag{subscriber="slow"}')).to.equal('0');
  });
});

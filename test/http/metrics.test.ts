import { expect } from 'chai';
import { Registry } from 'prom-client';
import { registerServiceMetrics } from '../../http/service-metrics.ts';
import type { ProjectionStatus } from '../../projections/projection-status.ts';
import { NoLiveVersionError } from '../../projections/versions.ts';
import { instant } from '../domain/submission-examples.ts';
import { startApp } from './fixtures.ts';

const live: ProjectionStatus = {
  name: 'scores',
  version: 3,
  schema: 1,
  state: 'live',
  position: 40,
  lag: 2,
  poison: null,
};
const deferred = { gate: 'llm', reason: 'reviewerUnavailable', submissions: 3, retryAt: instant(9) };
const deferredSample = 'prism_gate_deferred_submissions{gate="llm",reason="reviewerUnavailable"} 3';
const slotSamples = [
  'prism_slot_quarantined{slot="slot-host-gpu0"} 0',
  'prism_slot_quarantined{slot="slot-host-gpu1"} 1',
];
const poison = { position: 8, eventId: 'e', error: 'TypeError: what?' };
const statuses: readonly ProjectionStatus[] = [
  live,
  { ...live, version: 4, state: 'building', position: 0, lag: 42 },
  { ...live, name: 'miners', state: 'poisoned', position: 7, lag: 35, poison },
];

describe('GET /metrics', () => {
  const samplesOf = async (registry: Registry) =>
    (await registry.metrics()).split('\n').filter((line) => line.startsWith('prism_'));
  const deps = {
    head: async () => 42,
    walBytes: () => 4_096,
    projectionStatuses: () => statuses,
    uptimeSeconds: () => 12.5,
    deferredGates: () => [deferred],
    slots: () => [
      { slot: 'slot-host-gpu0', quarantine: null },
      { slot: 'slot-host-gpu1', quarantine: 'deviceLost: it is gone' },
    ],
  };

  it('tells what log and live read models are at, read when it is asked', async () => {
    const registry = new Registry();
    let head = 41;
    registerServiceMetrics(registry, { ...deps, head: async () => head });
    head = 42;
    expect(await samplesOf(registry)).to.deep.equal([
      'prism_uptime_seconds 12.5',
      'prism_log_wal_bytes 4096',
      'prism_log_head_position 42',
      deferredSample,
      ...slotSamples,
      'prism_projection_position{projection="scores"} 40',
      'prism_projection_position{projection="miners"} 7',
      'prism_projection_lag{projection="scores"} 2',
      'prism_projection_lag{projection="miners"} 35',
      'prism_projection_poisoned{projection="scores"} 0',
      'prism_projection_poisoned{projection="miners"} 1',
    ]);
  });

  it('leaves out what a log that cannot be asked would say', async () => {
    const registry = new Registry();
    let isThere = true;
    const head = async () => {
      if (isThere) return 42;
      throw new Error('the disk is gone');
    };
    registerServiceMetrics(registry, { ...deps, head });
    expect(await samplesOf(registry)).to.have.length(12);
    isThere = false;
    expect(await samplesOf(registry)).to.deep.equal([
      'prism_uptime_seconds 12.5',
      'prism_log_wal_bytes 4096',
      deferredSample,
      ...slotSamples,
    ]);
  });

  it('leaves out what read models would say that are still being built', async () => {
    const registry = new Registry();
    const deferredGates = () => {
      throw new NoLiveVersionError('submissions is being built');
    };
    registerServiceMetrics(registry, { ...deps, deferredGates, slots: deferredGates });
    expect(await samplesOf(registry)).to.have.length(9);
  });

  it('is served as text from the registry that the service was given', async () => {
    const app = await startApp();
    registerServiceMetrics(app.registry, deps);
    const response = await fetch(`${app.url}/metrics`);
    expect(response.status).to.equal(200);
    expect(response.headers.get('content-type')).to.match(/^text\/plain; version=0\.0\.4/);
    expect(await response.text()).to.contain('prism_log_head_position 42');
    await app.close();
  });
});

import { expect } from 'chai';
import type { EventEnvelope } from '../../domain/event.ts';
import { newestVersion, toDomainEvent } from '../../domain/event-catalog.ts';
import type { JsonObject } from '../../domain/json.ts';
import type { PolicyEvent } from '../../domain/policy/events.ts';
import { blob, comparison, completedOutcome, digest, examination, instant } from './submission-examples.ts';

function written(type: string, data: JsonObject): EventEnvelope {
  return {
    ...{ id: 'an-event', type, schemaVersion: 1, stream: 'submission-x', recordedAt: instant(0) },
    ...{ correlationId: 'x', causationId: 'y', data },
  };
}

const key = { run: 'score', attempt: 1, fencingToken: 1 };
const measurement = {
  ...{ microNats: 9, coveredBytes: 8, uncoveredBytes: 0, streamBytes: 8, predictedTokens: 7, vocab: 256, xzBytes: 3 },
  ...{ step0: { microNats: 5, tokens: 1 }, parameters: 2, stoppedByClock: false, deterministic: true },
};
const score = {
  ...{ bitsPerByte: 2.6, sourceBpb: 0.1, chargedBpb: 2.7, base: 0.27, penalty: 1, tieBreak: 0, multiplier: 1 },
  ...{ finalScore: 0.27, implausible: false },
};

describe('Events from before there were cuts', () => {
  it('read as attempts of which no examination is known', () => {
    const data = {
      ...key,
      record: blob('a'),
      manifest: blob('b'),
      measurement,
      runnerDigest: 'r',
      platform: digest('c'),
    };
    expect(toDomainEvent(written('AttemptCompleted', data)).data).to.deep.include({
      ...{ cuts: null, examination: null, keys: null, earlierAttempts: [], state: null, seedAudit: null },
      measurement: {
        ...measurement,
        ...{ standardErrorMicroNats: 0, baselineMicroNats: null, batches: 0, longestRowBytes: 0, seconds: null },
      },
    });
    const failed = { ...key, verdict: 'nan', where: null, message: 'm', log: null, manifest: null };
    expect(toDomainEvent(written('AttemptFailed', failed)).data).to.deep.equal({ ...failed, cuts: null, keys: null });
    const aborted = { ...key, reason: 'refereeLost', message: 'm', log: null };
    expect(toDomainEvent(written('AttemptAborted', aborted)).data).to.deep.equal({
      ...aborted,
      ...{ commitments: null, countsAgainstRun: true },
    });
    const concluded = { run: 'score', conclusion: 'measured' };
    expect(toDomainEvent(written('RunConcluded', concluded)).data).to.deep.equal({ ...concluded, verdict: null });
  });

  it('that examined an attempt read as examined by the first version of the tests', () => {
    const { version: _, ...stated } = examination;
    const { record, cuts, manifest, keys, runnerDigest, platform } = completedOutcome;
    const completed = {
      record,
      cuts,
      manifest,
      keys,
      runnerDigest,
      platform,
      measurement: completedOutcome.measurement,
    };
    const event = written('AttemptCompleted', { ...key, ...completed, examination: stated });
    const { data } = toDomainEvent({ ...event, schemaVersion: 2 });
    expect(data).to.have.deep.property('examination', { ...stated, version: 1 });
  });

  it('read as scores that counted as they were claimed', () => {
    for (const [type, more] of [
      ['ScoreComputed', {}],
      ['ScoreRecomputed', { reason: 'season' }],
    ] as const) {
      const { data } = toDomainEvent(written(type, { run: 'score', score, policyVersion: 1, ...more }));
      expect(data).to.have.deep.property('score', {
        ...score,
        ...{ standardErrorBpb: 0, blindBpb: null, blindStandardErrorBpb: null, confirmation: 'unconfirmed' },
        ...{ countedBpb: 2.6, undetectedBpb: null, baselineBpb: null, heldOut: 'off', heldOutBpb: null },
        ...{ deltaBpb: null, deltaStandardErrorBpb: null, gapBpb: null, gapStandardErrorBpb: null },
      });
    }
  });

  it('read as policies that asked for no rerun, and for nothing held out', () => {
    const policy = { streamBytes: 8_192 };
    const event = toDomainEvent(written('PolicyActivated', { version: 1, policy, operator: 'o', reason: 'r' }));
    const activated = event as PolicyEvent;
    expect(activated.data.policy.integrity.reruns.mode).to.equal('off');
    expect(activated.data.policy.heldOut.mode).to.equal('off');
    expect(activated.data.policy.seedAudit).to.equal('off');
    expect(activated.data.policy.streamBytes).to.equal(8_192);
  });

  it('read as policies whose frames had the wall clock alone, and no cap on the compressed bundle', () => {
    const policy = { streamBytes: 8_192, limits: { frameSeconds: 77 } };
    const event = toDomainEvent(written('PolicyActivated', { version: 1, policy, operator: 'o', reason: 'r' }));
    expect((event as PolicyEvent).data.policy.limits).to.include({
      ...{ frameSeconds: 77, frameCpuSeconds: 77, bundleXzBytes: null },
    });
  });

  it('are written in a later version now', () => {
    const types = ['AttemptCompleted', 'AttemptFailed', 'RunConcluded', 'ScoreComputed', 'ScoreRecomputed'];
    expect([...types, 'PolicyActivated'].map(newestVersion)).to.deep.equal([3, 2, 2, 3, 3, 4]);
    expect(newestVersion('SubmissionReceived')).to.equal(1);
  });
});

describe('Events from before the static gate', () => {
  it('read as findings about no node, and as gates that flagged nothing', () => {
    const found = { rule: 'prism:contract-kind', path: 'prism.yaml', line: 1, column: null, explanation: 'e' };
    const failed = { gate: 'contract', gateVersion: '1', findings: [found], evidence: null, policyVersion: 1 };
    expect(toDomainEvent(written('GateFailed', failed)).data).to.deep.equal({
      ...failed,
      findings: [{ ...found, node: null, excerptHash: null }],
    });
    const passed = { gate: 'static', gateVersion: '1', evidence: null, policyVersion: 1 };
    expect(toDomainEvent(written('GatePassed', passed)).data).to.deep.equal({
      ...passed,
      ...{ findings: [], behaviour: null },
    });
  });

  it('read as comparisons of sources alone', () => {
    const { behavingAlike: _, ...before } = { ...comparison, policyVersion: 1 };
    expect(toDomainEvent(written('SourceCompared', before)).data).to.deep.equal({ ...before, behavingAlike: [] });
  });

  it('read as policies with the gates off and no rule in force', () => {
    const data = { version: 1, policy: { streamBytes: 8_192 }, operator: 'o', reason: 'r' };
    for (const schemaVersion of [1, 2]) {
      const event = toDomainEvent({ ...written('PolicyActivated', data), schemaVersion });
      const { gates, staticRules } = (event as PolicyEvent).data.policy;
      expect(new Set(Object.values(gates))).to.deep.equal(new Set(['off']));
      expect(staticRules).to.deep.equal({ importRoots: [], off: [] });
    }
  });

  it('read as policies without the parameters gate, where that came later', () => {
    const policy = { gates: { static: 'on', distributed: 'flag' } };
    const data = { version: 1, policy, operator: 'o', reason: 'r' };
    const event = toDomainEvent({ ...written('PolicyActivated', data), schemaVersion: 3 });
    const { gates } = (event as PolicyEvent).data.policy;
    expect(gates).to.include({ static: 'on', parameters: 'off', distributed: 'flag' });
  });

  it('read as policies whose duplicate gate is off, as it was, with the thresholds of today', () => {
    const gates = { static: 'on', parameters: 'off', distributed: 'reject', duplicate: 'off', llm: 'off' };
    const policy = { gates, staticRules: { importRoots: [], off: [] } };
    const data = { version: 1, policy, operator: 'o', reason: 'r' };
    const event = toDomainEvent({ ...written('PolicyActivated', data), schemaVersion: 3 });
    const read = (event as PolicyEvent).data.policy;
    expect(read.gates.duplicate).to.equal('off');
    expect(read.duplicates).to.deep.equal({ copyAt: 0.96, candidateAt: 0.65 });
  });
});

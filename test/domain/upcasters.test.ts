import { expect } from 'chai';
import type { EventEnvelope } from '../../domain/event.ts';
import { newestVersion, toDomainEvent } from '../../domain/event-catalog.ts';
import type { JsonObject } from '../../domain/json.ts';
import type { PolicyEvent } from '../../domain/policy/events.ts';
import { blob, digest, instant } from './submission-examples.ts';

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
      ...{ cuts: null, examination: null, keys: null, earlierAttempts: [] },
      measurement: {
        ...measurement,
        ...{ standardErrorMicroNats: 0, baselineMicroNats: null, batches: 0, longestRowBytes: 0, seconds: null },
      },
    });
    const failed = { ...key, verdict: 'nan', where: null, message: 'm', log: null, manifest: null };
    expect(toDomainEvent(written('AttemptFailed', failed)).data).to.deep.equal({ ...failed, cuts: null, keys: null });
    const aborted = { ...key, reason: 'refereeLost', message: 'm', log: null };
    expect(toDomainEvent(written('AttemptAborted', aborted)).data).to.deep.equal({ ...aborted, commitments: null });
    const concluded = { run: 'score', conclusion: 'measured' };
    expect(toDomainEvent(written('RunConcluded', concluded)).data).to.deep.equal({ ...concluded, verdict: null });
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
        ...{ countedBpb: 2.6, undetectedBpb: null, baselineBpb: null },
      });
    }
  });

  it('read as policies that asked for no rerun', () => {
    const policy = { streamBytes: 8_192 };
    const event = toDomainEvent(written('PolicyActivated', { version: 1, policy, operator: 'o', reason: 'r' }));
    const activated = event as PolicyEvent;
    expect(activated.data.policy.integrity.reruns.mode).to.equal('off');
    expect(activated.data.policy.streamBytes).to.equal(8_192);
  });

  it('read as policies whose frames had the wall clock alone', () => {
    const policy = { streamBytes: 8_192, limits: { frameSeconds: 77 } };
    const event = toDomainEvent(written('PolicyActivated', { version: 1, policy, operator: 'o', reason: 'r' }));
    expect((event as PolicyEvent).data.policy.limits).to.include({ frameSeconds: 77, frameCpuSeconds: 77 });
  });

  it('are written in a later version now', () => {
    const types = ['AttemptCompleted', 'AttemptFailed', 'RunConcluded', 'ScoreComputed', 'ScoreRecomputed'];
    expect([...types, 'PolicyActivated'].map(newestVersion)).to.deep.equal([3, 2, 2, 2, 2, 3]);
    expect(newestVersion('SubmissionReceived')).to.equal(1);
  });
});

import { expect } from 'chai';
import fc from 'fast-check';
import { bitsPerByte, sourceBitsPerByte } from '../../domain/scoring/code-length.ts';
import { computeScore, isStep0Anomalous } from '../../domain/scoring/score.ts';
import type { Measurement } from '../../domain/submission/events.ts';
import { activePolicy, measurement, scoreOf, unconfirmed } from './submission-examples.ts';

const charged = activePolicy().policy.scoring;
const microNatsPerBit = Math.LN2 * 1e6;

describe('The code length', () => {
  it('is the bits of the covered part and 8 bits for every uncovered byte, over the whole stream', () => {
    expect(bitsPerByte(measurement)).to.be.closeTo((2 * 90_000 + 8 * 10_000) / 100_000, 1e-9);
  });

  it('is 8 where nothing is covered, and 8 where the uniform code is all there is', () => {
    expect(bitsPerByte({ microNats: 0, uncoveredBytes: 500, streamBytes: 500 })).to.equal(8);
    const uniform = Math.round(500 * Math.log(256) * 1e6);
    expect(bitsPerByte({ microNats: uniform, uncoveredBytes: 0, streamBytes: 500 })).to.be.closeTo(8, 1e-8);
  });

  it('of the source is its xz bits over the stream', () => {
    expect(sourceBitsPerByte({ xzBytes: 1_250, streamBytes: 100_000 })).to.equal(0.1);
  });

  it('divides by the stream, whatever the number of tokens', () => {
    expect(bitsPerByte({ ...measurement, predictedTokens: 1 } as Measurement)).to.equal(bitsPerByte(measurement));
  });
});

describe('The score', () => {
  it('is 1 / (1 + bpb + sourceBpb)', () => {
    const score = scoreOf(measurement);
    expect(score.bitsPerByte).to.be.closeTo(2.6, 1e-9);
    expect(score.sourceBpb).to.equal(0.1);
    expect(score.chargedBpb).to.be.closeTo(2.7, 1e-9);
    expect(score.base).to.be.closeTo(1 / 3.7, 1e-9);
    expect(score).to.include({ penalty: 1, tieBreak: 0, multiplier: 1, implausible: false });
    expect(score.finalScore).to.equal(score.base);
  });

  it('charges no source where policy says 0', () => {
    const scored = computeScore(unconfirmed(measurement), { ...charged, sourceCharge: 0 });
    if (scored.kind !== 'scored') return expect.fail(scored.message);
    expect(scored.score.base).to.be.closeTo(1 / 3.6, 1e-9);
    expect(scored.score.sourceBpb).to.equal(0.1);
  });

  it('is zero for a first loss that no random initialisation has', () => {
    // bytes, one declared, llama, gpt2, the largest declared
    for (const vocab of [256, 266, 32_000, 50_257, 65_536]) {
      const half = 0.5 * Math.log(vocab) * 100 * 1e6;
      const anomalous = (cost: number) => isStep0Anomalous({ vocab, step0: { microNats: cost, tokens: 100 } });
      expect(anomalous(Math.floor(half) - 100), `${vocab}`).to.equal(true);
      expect(anomalous(Math.ceil(half) + 100), `${vocab}`).to.equal(false);
    }
    const anomalous = scoreOf({ ...measurement, step0: { microNats: 1, tokens: 100 } });
    expect(anomalous).to.include({ multiplier: 0, finalScore: 0 });
    expect(anomalous.base).to.be.greaterThan(0);
  });

  it('judges no first loss where no token was predicted', () => {
    expect(isStep0Anomalous({ vocab: 256, step0: { microNats: 0, tokens: 0 } })).to.equal(false);
  });

  it('does not exist without coverage, nor for a cost of nothing', () => {
    const uncovered = { ...measurement, microNats: 0, coveredBytes: 0, uncoveredBytes: 100_000 };
    expect(computeScore(unconfirmed(uncovered), charged).kind).to.equal('unscorable');
    const free = { ...measurement, microNats: 0, coveredBytes: 100_000, uncoveredBytes: 0 };
    expect(computeScore(unconfirmed(free), charged).kind).to.equal('unscorable');
  });

  it('does not exist where the number isn’t finite', () => {
    for (const microNats of [Number.NaN, Number.POSITIVE_INFINITY, -1e15]) {
      expect(computeScore(unconfirmed({ ...measurement, microNats }), charged).kind).to.equal('unscorable');
    }
  });

  it('is published and marked above 64 bits a byte', () => {
    const at = (bits: number) => ({ ...measurement, microNats: Math.round(bits * 100_000 * microNatsPerBit) });
    expect(scoreOf({ ...at(63.9), uncoveredBytes: 0 }).implausible).to.equal(false);
    expect(scoreOf({ ...at(64.1), uncoveredBytes: 0 }).implausible).to.equal(true);
  });

  it('falls when a token costs more, when a byte stays uncovered, and when the source grows', () => {
    const measured = fc.record({
      microNats: fc.integer({ min: 1, max: 1e12 }),
      uncoveredBytes: fc.integer({ min: 0, max: 100_000 }),
      xzBytes: fc.integer({ min: 1, max: 131_072 }),
    });
    fc.assert(
      fc.property(measured, fc.integer({ min: 1_000, max: 1e9 }), (parts, more) => {
        const before = scoreOf({ ...measurement, ...parts }).finalScore;
        const worse: Partial<Measurement>[] = [
          { microNats: parts.microNats + more },
          { uncoveredBytes: parts.uncoveredBytes + 1 },
          { xzBytes: parts.xzBytes + 1 },
        ];
        return worse.every((change) => scoreOf({ ...measurement, ...parts, ...change }).finalScore < before);
      }),
    );
  });

  it('never gains from leaving bytes out that a model predicts below 8 bits', () => {
    fc.assert(
      fc.property(fc.double({ min: 0.1, max: 7.9, noNaN: true }), fc.integer({ min: 1, max: 50_000 }), (bits, left) => {
        const covered = (bytes: number) => ({
          ...measurement,
          microNats: Math.round(bits * bytes * microNatsPerBit),
          coveredBytes: bytes,
          uncoveredBytes: 100_000 - bytes,
        });
        return scoreOf(covered(100_000)).finalScore > scoreOf(covered(100_000 - left)).finalScore;
      }),
    );
  });
});

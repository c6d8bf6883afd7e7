import { expect } from 'chai';
import { policySchema } from '../../../domain/policy/policy.ts';
import type { Instantiated, InstantiationReport, ModelProbe } from '../../../domain/ports/instantiator.ts';
import { judgeInstantiated } from '../../../gates/parameters/judge.ts';
import { throughputOf } from '../../../gates/parameters/throughput.ts';
import { contract } from '../../domain/submission-examples.ts';
import { report } from '../../executor/instantiation-examples.ts';

const policy = policySchema.parse({ limits: { maxParameters: 50_000 } });
const paths = new Set(['architecture.py', 'blocks/mix.py']);
const judge = (instantiated: Instantiated) => judgeInstantiated(instantiated, contract, policy, paths);
const reported = (more: Partial<InstantiationReport>): Instantiated => ({
  kind: 'reported',
  report: { ...report, ...more },
});
const failed = (
  kind: 'exception' | 'contract' | 'time' | 'memory',
  where: string | null,
): Partial<InstantiationReport> => ({
  ...{ stage: 'build', parameters: null, buffers: null, asked: null, output: null, probes: [] },
  failure: { kind, where, message: 'it says so' },
});
const probes = (...differences: readonly (readonly [repeat: number, lookahead: number])[]): readonly ModelProbe[] =>
  differences.map(([repeatMicroNats, lookaheadMicroNats]) => ({ repeatMicroNats, lookaheadMicroNats, seconds: 0.1 }));
const tensor = (shape: readonly number[], dtype: string) => ({ type: 'Tensor', shape, dtype });

describe('The verdict on a model', () => {
  it('is silent about an honest one', () => {
    expect(judge({ kind: 'reported', report })).to.deep.equal({ objections: [], remarks: [] });
  });

  const objections: readonly (readonly [string, Instantiated, string, string | null])[] = [
    ['has too many parameters', reported({ parameters: 50_001, buffers: 0 }), 'cap', 'architecture.py'],
    ['has too many elements of buffers', reported({ parameters: 1, buffers: 50_000 }), 'cap', 'architecture.py'],
    ['raises', reported(failed('exception', 'blocks/mix.py:7')), 'instantiation', 'blocks/mix.py:7'],
    ['builds no module', reported(failed('contract', null)), 'instantiation', 'architecture.py'],
    ['raises somewhere else', reported(failed('exception', 'nowhere.py:7')), 'instantiation', 'architecture.py'],
    ['takes too long', reported(failed('time', 'architecture.py:3')), 'time', 'architecture.py:3'],
    ['wants too much memory', reported(failed('memory', 'architecture.py:3')), 'memory', 'architecture.py:3'],
    ['was ended by its time', { kind: 'timeUp', message: 'm' }, 'time', 'architecture.py'],
    ['was ended by its memory', { kind: 'outOfMemory', message: 'm' }, 'memory', 'architecture.py'],
    ['prints without end', { kind: 'flooded', message: 'm' }, 'instantiation', 'architecture.py'],
    ['ends without a word', { kind: 'died', message: 'm' }, 'instantiation', 'architecture.py'],
    ['reports nothing', reported({ parameters: null }), 'instantiation', 'architecture.py'],
    [
      'answers with a tuple',
      reported({ output: { type: 'tuple', shape: null, dtype: null } }),
      'shape',
      'architecture.py',
    ],
    ['answers too narrowly', reported({ output: tensor([2, 128, 255], 'float32') }), 'shape', 'architecture.py'],
    ['answers with integers', reported({ output: tensor([2, 128, 256], 'int64') }), 'dtype', 'architecture.py'],
    [
      'answers differently twice',
      reported({ probes: probes([60_000, 0], [70_000, 0]) }),
      'deterministic',
      'architecture.py',
    ],
    ['looks ahead', reported({ probes: probes([0, 60_000], [0, 70_000]) }), 'causality', 'architecture.py'],
  ];
  for (const [what, instantiated, rule, place] of objections) {
    it(`rejects one that ${what}`, () => {
      const [objection, ...more] = judge(instantiated).objections;
      expect(objection?.rule).to.equal(`prism:parameters-${rule}`);
      expect(objection?.line ? `${objection.path}:${objection.line}` : objection?.path).to.equal(place);
      expect(more).to.deep.equal([]);
    });
  }

  it('names the numbers over the cap', () => {
    const [objection] = judge(reported({ parameters: 151_000_000, buffers: 2_000 })).objections;
    expect(objection?.explanation).to.equal(
      'The model has 151,000,000 parameters and 2,000 elements of buffers; together they may be at most 50,000.',
    );
  });

  const passing: readonly (readonly [string, Partial<InstantiationReport>, readonly string[]])[] = [
    ['is exactly as large as it may be', { parameters: 49_990, buffers: 10 }, []],
    ['answers in bfloat16', { output: tensor([2, 128, 256], 'bfloat16') }, []],
    ['differs in the last digits', { probes: probes([900, 900], [900, 900]) }, []],
    ['differs notably', { probes: probes([0, 20_000], [2_000, 0]) }, ['deterministic', 'causality']],
    ['exceeds the bound in one batch', { probes: probes([0, 60_000], [0, 0]) }, ['causality']],
    ['had no time for probes', { stage: 'probes', probes: [] }, []],
    ['had no time for the shape of its own loop', { stage: 'training', asked: null, output: null, probes: [] }, []],
  ];
  for (const [what, more, remarks] of passing) {
    it(`lets one pass that ${what}`, () => {
      const verdict = judge(reported(more));
      expect(verdict.objections).to.deep.equal([]);
      expect(verdict.remarks.map(({ rule }) => rule)).to.deep.equal(remarks.map((rule) => `prism:parameters-${rule}`));
    });
  }
});

describe('The throughput of a model', () => {
  it('is that of its fastest forward, and the share of the stream that a budget buys', () => {
    const throughput = throughputOf(report, policy, 1e8);
    expect(throughput?.tokensPerSecond).to.be.closeTo(25_600, 1e-6);
    expect(throughput?.coveredShare).to.be.closeTo((1_200 * 25_600) / (4.25 * 1e8), 1e-9);
    expect(throughputOf(report, policy, 1_000)?.coveredShare).to.equal(1);
  });

  it('is unknown where no forward was timed', () => {
    expect(throughputOf({ ...report, probes: [] }, policy, 1)).to.equal(null);
    expect(throughputOf({ ...report, asked: null }, policy, 1)).to.equal(null);
  });
});

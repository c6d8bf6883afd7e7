import { expect } from 'chai';
import type { Comparison } from '../../../domain/submission/events.ts';
import type { DuplicateGateAnswer } from '../../../gates/duplicates/duplicate-gate.ts';
import { SourceIndexBehindError } from '../../../gates/duplicates/duplicate-gate.ts';
import { sketchVersion } from '../../../gates/duplicates/sketch.ts';
import { digest, fact, held, originalFound, resolved } from '../../domain/submission-examples.ts';
import { describeWithInspector } from '../python-inspector.ts';
import { court, example, honest, rewritten, type Sources } from './court.ts';

/** Works of a page or two: a model and the loop of another author each. */
const works: readonly (readonly [string, string])[] = [
  ['rotary-transformer', 'muon'],
  ['token-choice-experts', 'gradient-accumulation'],
  ['selective-scan', 'fast-weights'],
  ['spectral-mixing', 'second-order'],
];

/** Whatever has no entry of its own gets one that uses all that there is. */
function withEntry(source: string, head: string): string {
  if (source.includes(head)) return source;
  const defined = [...source.matchAll(/^(?:def|class) (\w+)/gm)].map(([, name]) => name);
  return `${source}\n\n${head}(ctx):\n    return [${defined.join(', ')}]\n`;
}

function workOf([architecture, training]: readonly [string, string]): Sources {
  return {
    'architecture.py': withEntry(honest(architecture), 'def build_model'),
    'training.py': withEntry(honest(training), 'def train'),
  };
}

function hidden(sources: Sources, how: readonly string[], seed: number): Sources {
  const paths = Object.keys(sources);
  const texts = rewritten(paths.map((path) => ({ source: sources[path] ?? '', how, seed })));
  return Object.fromEntries(paths.map((path, at) => [path, texts[at] ?? '']));
}

function comparisonOf(answer: DuplicateGateAnswer): Comparison {
  if (answer.kind === 'sketched') throw new Error('nothing was compared');
  return answer.comparison;
}

describeWithInspector('The duplicate gate over the real inspector', (inspector) => {
  let room: ReturnType<typeof court>;
  beforeEach(() => {
    room = court(inspector);
  });
  afterEach(() => room.dispose());

  const [first = ['', ''], second = ['', '']] = works;
  const original = workOf(first);

  it('rejects an equal source, names the earlier work, and shows nothing of it', async () => {
    await room.receive('one', 'alice', original);
    await room.receive('two', 'bob', original);
    expect((await room.judge('one')).kind).to.equal('passed');
    const answer = await room.judge('two');
    if (answer.kind !== 'failed') return expect.fail(answer.kind);
    expect(answer.findings).to.deep.equal([
      {
        ...{ rule: 'prism:duplicate-exact', path: null, line: null, column: null, node: null, excerptHash: null },
        explanation: 'Its source is that of submission one, which was received earlier.',
      },
    ]);
  });

  it('lets a work of another source pass that behaves the same, and hints at whose it behaves like', async () => {
    await room.receive('one', 'alice', original, 'full', digest('7'));
    await room.receive('two', 'bob', workOf(second), 'full', digest('7'));
    await room.receive('three', 'carol', workOf(works[2] ?? second), 'full', digest('6'));
    for (const id of ['one', 'three']) {
      expect(await room.judge(id)).to.deep.include({ kind: 'passed', findings: [] });
    }
    const answer = await room.judge('two');
    if (answer.kind !== 'passed') return expect.fail(answer.kind);
    expect(answer.comparison).to.deep.include({
      ...{ likenesses: [], copies: [] },
      behavingAlike: [{ submissionId: 'one', received: 'earlier' }],
    });
    expect(answer.findings.map(({ rule }) => rule)).to.deep.equal(['prism:duplicate-behaviour']);
    expect(answer.findings[0]?.explanation)
      .to.include('submission one,')
      .and.not.match(/alice|7{8}/);
  });

  const disguises: readonly (readonly string[])[] = [
    ['rename'],
    ['reorder'],
    ['dead'],
    ['reformat'],
    ['rename', 'reorder', 'dead', 'reformat'],
  ];
  for (const how of disguises) {
    it(`rejects a copy after ${how.join(', ')}: at least 0.96 in common, in ${works.length} works and 3 seeds`, async () => {
      for (const [at, names] of works.entries()) {
        const source = workOf(names);
        await room.receive(`original ${at}`, `author ${at}`, source);
        await room.judge(`original ${at}`);
        for (const seed of [1, 2, 3]) {
          const id = `copy ${at} ${seed}`;
          await room.receive(id, 'mallory', hidden(source, how, seed));
          const answer = await room.judge(id);
          const [closest] = comparisonOf(answer).likenesses;
          expect(closest?.similarity, `${names.join('+')} seed ${seed}`).to.be.at.least(0.96);
          expect(answer.kind).to.equal('failed');
        }
      }
    });
  }

  it('takes no model.eval() for a look-up of names: what is dead stays out of a copy that calls it', async () => {
    await room.receive('original', 'alice', original);
    await room.judge('original');
    const copy = Object.entries(hidden(original, ['rename', 'dead'], 1)).map(([path, text]) => {
      return [path, `${text}\n\ndef settled(model):\n    return model.eval()\n\nsettle = settled\n`] as const;
    });
    await room.receive('copy', 'mallory', Object.fromEntries(copy));
    expect((await room.judge('copy')).kind).to.equal('failed');
  });

  it('leaves what contains an earlier work among more code that can run to an operator', async () => {
    for (const [at, names] of works.entries()) {
      const source = workOf(names);
      await room.receive(`original ${at}`, 'alice', source);
      await room.judge(`original ${at}`);
      await room.receive(`padded ${at}`, 'bob', hidden(source, ['rename', 'pad'], at));
      const answer = await room.judge(`padded ${at}`);
      if (answer.kind !== 'held') return expect.fail(JSON.stringify(answer));
      expect(answer.reason).to.contain(`original ${at}`).and.contain('among more');
      expect(answer.comparison.likenesses[0]?.similarity).to.be.below(0.96);
    }
  });

  it('finds an earlier work among many larger functions that can run', async () => {
    for (const [at, names] of works.entries()) {
      const source = workOf(names);
      await room.receive(`original ${at}`, 'alice', source);
      await room.judge(`original ${at}`);
      await room.receive(`buried ${at}`, 'bob', hidden(source, ['rename', 'bury'], at));
      const answer = await room.judge(`buried ${at}`);
      if (answer.kind !== 'held') return expect.fail(JSON.stringify(answer));
      expect(answer.reason).to.contain(`original ${at}`);
      expect(answer.comparison.likenesses[0]?.similarity).to.be.below(0.1);
    }
  });

  for (const [what, how] of [
    ['by a sample of its code', 'bury deep'],
    ['by some of its functions', 'crowd'],
  ] as const) {
    it(`leaves a work that is known ${what} alone to an operator`, async () => {
      await room.receive('huge', 'bob', hidden(original, [how], 1));
      const answer = await room.judge('huge');
      expect(answer.kind === 'held' && answer.reason).to.contain('more code');
      expect(comparisonOf(answer)).to.deep.include({ verdict: 'held', likenesses: [] });
    });
  }

  it('lets works of different authors pass, unlike each other', async () => {
    for (const [at, names] of works.entries()) {
      await room.receive(`work ${at}`, `author ${at}`, workOf(names));
      const answer = await room.judge(`work ${at}`);
      expect(answer).to.deep.include({ kind: 'passed' });
      expect(comparisonOf(answer)).to.deep.include({ likenesses: [], copies: [] });
    }
  });

  it('lets one’s own improvement pass, and whoever had it before his copier', async () => {
    await room.receive('one', 'alice', original);
    await room.judge('one');
    await room.receive('stolen', 'mallory', original);
    await room.sketch('stolen');
    await room.receive('better', 'alice', hidden(original, ['rename'], 1));
    expect((await room.judge('better')).kind).to.equal('passed');
  });

  it('lets the shipped examples pass, whoever hands them in, and doesn’t count their code', async () => {
    for (const hotkey of ['alice', 'bob']) {
      for (const name of ['gru', 'transformer']) {
        await room.receive(`${name} of ${hotkey}`, hotkey, example(name));
        const answer = await room.judge(`${name} of ${hotkey}`);
        expect(comparisonOf(answer)).to.deep.include({ verdict: 'passed', likenesses: [] });
      }
    }
    const { 'architecture.py': shipped = '' } = example('transformer');
    await room.receive('started from it', 'carol', { ...original, 'architecture.py': `${shipped}\nWIDTH = 48\n` });
    expect((await room.judge('started from it')).kind).to.equal('passed');
  });

  it('forgets works that were rejected', async () => {
    await room.receive('one', 'alice', original);
    await room.judge('one');
    await room.record('one', fact('SubmissionRejected', { reason: 'withdrawn', gate: null, message: 'withdrawn' }));
    await room.receive('two', 'bob', original);
    expect(comparisonOf(await room.judge('two'))).to.deep.include({ verdict: 'passed', compared: 0 });
  });

  it('takes the earlier receipt for the original, whichever is judged first', async () => {
    await room.receive('early', 'alice', original);
    await room.receive('late', 'bob', hidden(original, ['rename'], 1));
    expect(comparisonOf(await room.judge('late'))).to.deep.include({ verdict: 'passed', compared: 0 });
    const comparison = comparisonOf(await room.judge('early'));
    expect(comparison.verdict).to.equal('passed');
    expect(comparison.copies.map(({ submissionId, received }) => [submissionId, received])).to.deep.equal([
      ['late', 'later'],
    ]);
    expect((await room.ask('late')).kind).to.equal('failed');
  });

  it('names copies also where it is held itself', async () => {
    await room.receive('first', 'alice', original);
    const padded = hidden(original, ['rename', 'pad'], 1);
    await room.receive('padded', 'bob', padded);
    await room.receive('late', 'carol', padded);
    await room.judge('late');
    await room.judge('first');
    const answer = await room.judge('padded');
    expect(answer.kind).to.equal('held');
    expect(comparisonOf(answer).copies.map(({ submissionId }) => submissionId)).to.deep.equal(['late']);
  });

  it('doesn’t ask again about an original that an operator has decided on, but about others', async () => {
    await room.receive('early', 'alice', original);
    await room.receive('another', 'carol', original);
    await room.receive('late', 'bob', hidden(original, ['rename'], 1));
    await room.sketch('late');
    await room.judge('early');
    const found = fact('OriginalFound', { ...originalFound.data, original: 'early' });
    const parked = fact('SubmissionHeld', { ...held('h1', 'duplicate').data, copyOf: 'early' });
    await room.record('late', found, parked, resolved('h1', 'release'));
    await room.project();
    expect((await room.ask('late')).kind).to.equal('passed');
    await room.sketch('another');
    expect((await room.ask('late')).kind).to.equal('failed');
  });

  it('finds at least one of two that are judged at the same time', async () => {
    await room.receive('early', 'alice', original);
    await room.receive('late', 'bob', original);
    await room.sketch('early');
    await room.sketch('late');
    const [early, late] = await Promise.all([room.ask('early'), room.ask('late')]);
    expect(early.kind).to.equal('passed');
    expect(late.kind).to.equal('failed');
  });

  it('gives the same answer at the same position, and says which', async () => {
    await room.receive('one', 'alice', original);
    await room.receive('two', 'bob', workOf(second));
    await room.judge('one');
    const answer = await room.judge('two');
    expect(comparisonOf(answer).asOfPosition).to.equal(await room.log.head());
    expect(await room.ask('two')).to.deep.equal(answer);
  });

  it('finds the original of a copy that stands in a crowd of its own hotkey’s, all of them indexed and none judged', async () => {
    await room.receive('original', 'alice', original);
    await room.judge('original');
    const copy = hidden(original, ['rename', 'reorder', 'dead', 'reformat'], 1);
    const copies = Array.from({ length: 17 }, (_, index) => `copy ${index}`);
    for (const id of copies) {
      await room.receive(id, 'mallory', copy);
      await room.sketch(id);
    }
    const answer = await room.ask('copy 0');
    expect(answer.kind).to.equal('failed');
    expect(comparisonOf(answer).likenesses.map(({ submissionId }) => submissionId)).to.deep.equal(['original']);
  });

  it('gives no answer while the index lags behind the sketch', async () => {
    await room.receive('one', 'alice', original);
    const sketch = { sketchVersion, keys: [], shingles: { sha256: '9'.repeat(64), bytes: 1, keyId: null } };
    await room.project();
    await room.record('one', fact('SourceSketched', { ...sketch, policyVersion: 1 }));
    const thrown = await room.ask('one').catch((error: unknown) => error);
    expect(thrown).to.be.instanceOf(SourceIndexBehindError);
  });

  it('compares what a work claims: a known architecture may be trained anew, and not handed in again as one’s own', async () => {
    const other = workOf(second);
    await room.receive('one', 'alice', original);
    await room.judge('one');
    const retrained = { ...other, 'architecture.py': original['architecture.py'] ?? '' };
    await room.receive('retrained', 'bob', retrained, 'training_for_arch');
    const trained = await room.judge('retrained');
    expect(trained.kind).to.equal('passed');
    expect(comparisonOf(trained).likenesses[0]).to.deep.include({ compared: 'architecture', exact: true });
    await room.receive('claimed', 'carol', retrained, 'architecture_only');
    const claimed = await room.judge('claimed');
    expect(claimed.kind === 'failed' && claimed.findings[0]?.explanation).to.contain('Its architecture is that of');
  });
});

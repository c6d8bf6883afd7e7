import { expect } from 'chai';
import fc from 'fast-check';
import { bestPerHotkey, type Rankable } from '../../domain/scoring/ranking.ts';
import { normaliseWeights } from '../../domain/scoring/weights.ts';
import type { SubmissionEvent } from '../../domain/submission/events.ts';
import { type Board, scoreQueries } from '../../projections/scores.ts';
import { fact, held, instant, resolved, scoring } from '../domain/submission-examples.ts';
import { completedWith, submissionOf } from './fixtures.ts';
import { readModelsOfGiven } from './read-models.ts';

const cpuBoard: Board = { deviceClass: 'cpu', epoch: 7 };

describe('scores', () => {
  const models = readModelsOfGiven();
  const { given } = models;
  const queries = () => scoreQueries(models.db);
  const ids = (board = cpuBoard) =>
    queries()
      .leaderboard(board, null, 50)
      .entries.map(({ submissionId }) => submissionId);

  it('rank by score, then earliest receipt, then id', async () => {
    const early = { receivedAt: instant(1) };
    await given(
      submissionOf('b', completedWith(0.5), { hotkey: 'bob', receivedAt: instant(2) }),
      submissionOf('c', completedWith(0.5), { hotkey: 'carol', ...early }),
      submissionOf('a', completedWith(0.5), { hotkey: 'alice', ...early }),
      submissionOf('d', completedWith(0.6), { hotkey: 'dave', receivedAt: instant(9) }),
    );
    expect(ids()).to.deep.equal(['d', 'a', 'c', 'b']);
  });

  it('treat scores that differ by less than 1e-9 as equal', async () => {
    await given(
      submissionOf('late', completedWith(0.500_000_000_4), { hotkey: 'alice', receivedAt: instant(2) }),
      submissionOf('early', completedWith(0.5), { hotkey: 'bob', receivedAt: instant(1) }),
    );
    expect(ids()).to.deep.equal(['early', 'late']);
  });

  it('show the best of a hotkey alone', async () => {
    await given(
      submissionOf('worse', completedWith(0.4), { hotkey: 'alice' }),
      submissionOf('better', completedWith(0.6), { hotkey: 'alice' }),
    );
    expect(ids()).to.deep.equal(['better']);
  });

  it('never mix device classes', async () => {
    await given(
      submissionOf('slow', completedWith(0.9, 'cpu'), { hotkey: 'alice' }),
      submissionOf('fast', completedWith(0.1, 'gpu'), { hotkey: 'alice' }),
    );
    expect(ids()).to.deep.equal(['slow']);
    expect(ids({ deviceClass: 'gpu', epoch: null })).to.deep.equal(['fast']);
  });

  it('belong to the epoch of the receipt, and to the board of all', async () => {
    await given(
      submissionOf('seven', completedWith(0.5), { hotkey: 'alice' }),
      submissionOf('eight', completedWith(0.6), { hotkey: 'alice', epoch: 8 }),
    );
    expect(ids()).to.deep.equal(['seven']);
    expect(ids({ deviceClass: 'cpu', epoch: null })).to.deep.equal(['eight']);
  });

  const rejected = fact('SubmissionRejected', { reason: 'holdRejected', gate: null, message: 'copied' });
  const notCounting: Readonly<Record<string, readonly SubmissionEvent[]>> = {
    unfinished: scoring,
    held: [...completedWith(0.9), held('hold-1', 'audit')],
    'held and refused': [...completedWith(0.9), held('hold-1', 'audit'), resolved('hold-1', 'reject')],
    rejected: [...completedWith(0.9), held('hold-1', 'audit'), resolved('hold-1', 'reject'), rejected],
    voided: [...completedWith(0.9), fact('ScoreVoided', { operator: 'olga', reason: 'copied' })],
  };
  for (const [name, history] of Object.entries(notCounting)) {
    it(`leave out what is ${name}, on the board and in the weights`, async () => {
      await given(
        submissionOf('out', history, { hotkey: 'alice' }),
        submissionOf('in', completedWith(0.2), { hotkey: 'bob' }),
      );
      expect(ids()).to.deep.equal(['in']);
      expect(queries().weights(cpuBoard).weights).to.deep.equal({ bob: 1 });
    });
  }

  it('count again when a hold is released or has expired', async () => {
    await given(
      submissionOf('released', [...completedWith(0.9), held('hold-1', 'audit'), resolved('hold-1', 'release')]),
      submissionOf(
        'expired',
        [...completedWith(0.8), held('hold-1', 'audit'), fact('HoldExpired', { holdId: 'hold-1' })],
        {
          hotkey: 'bob',
        },
      ),
    );
    expect(ids()).to.deep.equal(['released', 'expired']);
  });

  it('follow a recomputed score', async () => {
    const [scored] = completedWith(0.1).flatMap((event) => (event.type === 'ScoreComputed' ? [event.data] : []));
    if (scored === undefined) throw new Error('the example has no score');
    const recomputed = fact('ScoreRecomputed', { ...scored, reason: 'a new rule', policyVersion: 2 });
    await given(submissionOf('one', [...completedWith(0.9), recomputed]));
    expect(queries().leaderboard(cpuBoard, null, 1).entries[0]).to.include({ score: 0.1, policyVersion: 2 });
  });

  it('pay nothing and nobody without scores', async () => {
    await given(submissionOf('zero', completedWith(0)), submissionOf('one', scoring, { hotkey: 'bob' }));
    expect(queries().weights(cpuBoard).weights).to.deep.equal({});
  });

  it('say what a new score would stand beside: the best of all, and the hotkey’s own best of the epoch', async () => {
    const of = { deviceClass: 'cpu', epoch: 7, hotkey: 'alice' } as const;
    await given();
    expect(queries().standings(of)).to.include({ champion: null, ofHotkey: null });
    await given(
      submissionOf('old', completedWith(0.9), { hotkey: 'alice', epoch: 3 }),
      submissionOf('own', completedWith(0.4), { hotkey: 'alice' }),
      submissionOf('better', completedWith(0.5), { hotkey: 'alice' }),
      submissionOf('other', completedWith(0.7), { hotkey: 'bob' }),
      submissionOf('void', [...completedWith(0.95), fact('ScoreVoided', { operator: 'olga', reason: 'copied' })]),
    );
    expect(queries().standings(of)).to.deep.equal({
      champion: 0.9,
      ofHotkey: 0.5,
      asOfPosition: await models.log.head(),
    });
    expect(queries().standings({ ...of, deviceClass: 'gpu' })).to.include({ champion: null, ofHotkey: null });
  });

  it('say up to which position they are computed', async () => {
    await given(submissionOf('one', completedWith(0.5)));
    expect(queries().weights(cpuBoard).asOfPosition).to.equal(await models.log.head());
  });

  const rows = fc.array(
    fc.record({
      hotkey: fc.constantFrom('a', 'b', 'c', 'd', 'e'),
      nanos: fc.integer({ min: 0, max: 5 }),
      second: fc.integer({ min: 0, max: 3 }),
    }),
    { maxLength: 20 },
  );

  it('are ordered and paged by SQL exactly as the pure functions order and pay them', async () => {
    await fc.assert(
      fc.asyncProperty(rows, fc.integer({ min: 1, max: 4 }), async (drawn, pageSize) => {
        const rankables: Rankable[] = drawn.map(({ hotkey, nanos, second }, index) => ({
          submissionId: `id-${index}`,
          hotkey,
          finalScore: nanos * 4e-10,
          receivedAt: instant(second),
        }));
        models.startAnew();
        await given(
          ...rankables.map(({ submissionId, finalScore, hotkey, receivedAt }) =>
            submissionOf(submissionId, completedWith(finalScore), { hotkey, receivedAt }),
          ),
        );
        const expected = bestPerHotkey(rankables);
        expect(pagedIds(pageSize)).to.deep.equal(expected.map(({ submissionId }) => submissionId));
        expect(queries().weights(cpuBoard).weights).to.deep.equal(normaliseWeights(expected));
      }),
      { numRuns: 25 },
    );
  });

  function pagedIds(pageSize: number): readonly string[] {
    const found: string[] = [];
    for (;;) {
      const { entries } = queries().leaderboard(cpuBoard, lastPlace, pageSize);
      expect(entries.map(({ rank }) => rank)).to.deep.equal(entries.map((_, index) => found.length + index + 1));
      found.push(...entries.map(({ submissionId }) => submissionId));
      lastPlace = entries.at(-1) ?? null;
      if (lastPlace === null) return found;
    }
  }
  let lastPlace: Parameters<ReturnType<typeof scoreQueries>['leaderboard']>[1] = null;
});

describe('normalised weights', () => {
  it('sum to 1 and lie in proportion to the scores', () => {
    const payables = fc.uniqueArray(
      fc.record({ hotkey: fc.string({ minLength: 1 }), finalScore: fc.double({ min: 1e-8, max: 1, noNaN: true }) }),
      { selector: ({ hotkey }) => hotkey, minLength: 1, maxLength: 500 },
    );
    fc.assert(
      fc.property(payables, (best) => {
        const weights = Object.values(normaliseWeights(best));
        expect(weights.length).to.equal(best.length);
        expect(Math.abs(weights.reduce((sum, weight) => sum + weight, 0) - 1)).to.be.below(1e-12);
      }),
    );
    expect(
      normaliseWeights([
        { hotkey: 'a', finalScore: 0.75 },
        { hotkey: 'b', finalScore: 0.25 },
      ]),
    ).to.deep.equal({ a: 0.75, b: 0.25 });
  });

  it('leave out scores that are not positive', () => {
    expect(
      normaliseWeights([
        { hotkey: 'a', finalScore: -0.1 },
        { hotkey: 'b', finalScore: 0.2 },
      ]),
    ).to.deep.equal({ b: 1 });
    expect(normaliseWeights([{ hotkey: 'a', finalScore: 0 }])).to.deep.equal({});
  });
});

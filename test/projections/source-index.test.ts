import { expect } from 'chai';
import type { SubmissionEvent } from '../../domain/submission/events.ts';
import { plagiarismReviewQueries } from '../../projections/plagiarism-reviews.ts';
import { sourceIndex, sourceIndexProjection } from '../../projections/source-index.ts';
import {
  compared,
  comparison,
  contractResolved,
  digest,
  fact,
  instant,
  likeness,
  received,
  sketch,
} from '../domain/submission-examples.ts';
import { liveRows, submissionOf } from './fixtures.ts';
import { readModelsOfGiven } from './read-models.ts';

const rejected = fact('SubmissionRejected', { reason: 'withdrawn', gate: null, message: 'withdrawn' });
const sketchOf = (...keys: readonly string[]) =>
  fact('SourceSketched', { ...sketch, keys: keys.map((key) => key.padStart(12, '0')), policyVersion: 1 });
const behaving = (character: string) =>
  fact('GatePassed', {
    ...{ gate: 'parameters', gateVersion: '1', findings: [], evidence: null, policyVersion: 1 },
    behaviour: digest(character),
  });

describe('The index of sources', () => {
  const models = readModelsOfGiven();
  const { given } = models;
  const work = (id: string, ...events: readonly SubmissionEvent[]) =>
    submissionOf(id, [received, contractResolved, ...events], { hotkey: `author of ${id}` });
  const found = (id: string, limit = 10) =>
    sourceIndex(models.db)
      .lookUp(id, limit)
      .others.map((other) => other.submissionId);

  it('finds works that share a key, those with the rarest keys in common first', async () => {
    await given(
      work('common', sketchOf('1')),
      work('rare', sketchOf('1', '2')),
      work('stranger', sketchOf('3')),
      work('asking', sketchOf('1', '2', '4')),
    );
    expect(found('asking')).to.deep.equal(['rare', 'common']);
    expect(found('asking', 1)).to.deep.equal(['rare']);
    expect(found('stranger')).to.deep.equal([]);
  });

  it('finds works that behave alike behind those that share a key, the earliest few', async () => {
    const many = Array.from({ length: 10 }, (_, index) => work(`work ${index}`, behaving('1'), sketchOf(`a${index}`)));
    await given(
      ...many,
      work('rejected', behaving('2'), sketchOf('8'), rejected),
      work('alike', behaving('2'), sketchOf('7')),
      work('sharing', sketchOf('9')),
      work('both', behaving('2'), sketchOf('9')),
      work('asking', behaving('2'), sketchOf('9')),
    );
    expect(found('asking')).to.deep.equal(['sharing', 'both', 'alike']);
    expect(found('asking', 1)).to.deep.equal(['sharing', 'alike', 'both']);
    expect(found('sharing')).to.deep.equal(['both', 'asking']);
    expect(found('work 9')).to.deep.equal(Array.from({ length: 8 }, (_, index) => `work ${index}`));
    expect(sourceIndex(models.db).lookUp('asking', 1).own?.behaviour).to.equal(digest('2'));
  });

  it('says what it knows of a work, and as of which position', async () => {
    await given(work('asking', sketchOf('1')));
    expect(sourceIndex(models.db).lookUp('asking', 10)).to.deep.equal({
      asOfPosition: 3,
      own: {
        ...{ submissionId: 'asking', hotkey: 'author of asking', receivedPosition: 1, kind: 'full' },
        ...{ architectureFingerprint: digest('c'), trainingFingerprint: digest('c') },
        ...{ behaviour: null, sketchVersion: 'sketch/1', shingles: digest('9') },
        keys: 1,
      },
      others: [],
    });
  });

  it('has no work before its sketch, and none that was rejected', async () => {
    await given(work('asking', sketchOf('1')), work('unsketched'), work('rejected', sketchOf('1'), rejected));
    expect(found('asking')).to.deep.equal([]);
    for (const id of ['unsketched', 'rejected', 'nobody']) {
      expect(sourceIndex(models.db).lookUp(id, 10).own).to.equal(null);
    }
    const [, keys] = liveRows(models.db, sourceIndexProjection);
    expect(keys).to.have.length(1);
  });

  it('finds a work by its newest sketch alone', async () => {
    await given(work('asking', sketchOf('1')), work('anew', sketchOf('1'), sketchOf('2')));
    expect(found('asking')).to.deep.equal([]);
  });

  it('reads no more works of a key than tell something, the earliest', async () => {
    const many = Array.from({ length: 40 }, (_, index) => work(`work ${index}`, sketchOf('1')));
    await given(...many, work('asking', sketchOf('1')));
    expect(found('asking', 100)).to.have.length(32).and.include('work 0').and.not.include('work 39');
  });

  const numbered = (count: number, workOf: (index: number) => ReturnType<typeof work>) =>
    Array.from({ length: count }, (_, index) => workOf(index));
  const workBy = (hotkey: string, id: string, ...keys: readonly string[]) =>
    submissionOf(id, [received, contractResolved, sketchOf(...keys)], { hotkey });

  it('gives no place to works of the same hotkey: theirs are apart, for those that came before one of somebody else', async () => {
    await given(
      workBy('mallory', 'before', '1'),
      workBy('alice', 'original', '1', '2', '3'),
      ...numbered(6, (index) => workBy('mallory', `variant ${index}`, '1', '2', '3', `a${index}`)),
      workBy('mallory', 'asking', '1', '2', '3', 'a0', 'a1', 'a2', 'a3', 'a4', 'a5'),
    );
    expect(found('asking', 4)).to.deep.equal(['original', 'before']);
  });

  it('gives no place of an earlier work to one that came later', async () => {
    await given(
      workBy('alice', 'original', '1', '2'),
      workBy('mallory', 'asking', '1', '2', '3', '4'),
      ...numbered(6, (index) => workBy(`hotkey ${index}`, `copy ${index}`, '1', '2', '3', '4')),
    );
    expect(found('asking', 4)).to.deep.equal(['original', 'copy 0', 'copy 1', 'copy 2', 'copy 3']);
  });

  it('cuts those that share the fewest keys, but not all that share rare ones', async () => {
    const common = ['1', '2', '3', '4', '5', '6', '7'];
    await given(
      workBy('alice', 'original', 'a', 'b', 'c', 'd', 'e'),
      ...numbered(6, (index) => workBy(`hotkey ${index}`, `crowd ${index}`, ...common)),
      workBy('bob', 'hardly', '1', '2', '3'),
      workBy('carol', 'nearly', ...common, 'e'),
      workBy('mallory', 'asking', ...common, 'a', 'b', 'c', 'd', 'e'),
    );
    expect(found('asking', 4)).to.deep.equal(['nearly', 'crowd 0', 'original', 'crowd 1']);
  });

  it('counts the rarity of a key by works of other hotkeys alone', async () => {
    await given(
      workBy('alice', 'original', '1', '2', '3'),
      ...numbered(3, (index) => workBy('mallory', `variant ${index}`, '1', '2', '3')),
      workBy('bob', 'longer', '5', '6', '7', '8'),
      workBy('carol', 'rarer', '9', 'a'),
      workBy('mallory', 'asking', '1', '2', '3', '5', '6', '7', '8', '9', 'a'),
    );
    expect(found('asking', 2)).to.deep.equal(['longer', 'original', 'variant 0', 'variant 1']);
  });

  it('is beside what every comparison came to, for the work and for whoever is named in it', async () => {
    const copies = [{ ...likeness, submissionId: 'copy', received: 'later' as const, exact: true }];
    const behavingAlike = [{ submissionId: 'twin', received: 'earlier' as const }];
    const again = fact('SourceCompared', { ...comparison, copies, behavingAlike, policyVersion: 1 });
    await given(work('one', sketchOf('1'), compared, again), work('another', sketchOf('2')));
    const { ofSubmission, naming } = plagiarismReviewQueries(models.db);
    const [newest, oldest] = ofSubmission('one');
    expect(newest).to.deep.include({ position: 5, copies, behavingAlike, policyVersion: 1 });
    expect(oldest).to.deep.equal({
      ...comparison,
      ...{ submissionId: 'one', position: 4, comparedAt: instant(3), policyVersion: 1 },
    });
    expect(naming('another', 10).map(({ position }) => position)).to.deep.equal([5, 4]);
    for (const id of ['copy', 'twin']) {
      expect(naming(id, 10).map(({ submissionId }) => submissionId)).to.deep.equal(['one']);
    }
    expect(ofSubmission('another')).to.deep.equal([]);
  });
});

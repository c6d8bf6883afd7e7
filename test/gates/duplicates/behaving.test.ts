import { expect } from 'chai';
import { behavingAlike, behaviourFindings } from '../../../gates/duplicates/behaving.ts';
import { type ComparedWork, comparedWork } from '../../../gates/duplicates/likeness.ts';
import { shingleSet } from '../../../gates/duplicates/shingle-set.ts';
import { digest } from '../../domain/submission-examples.ts';

const shipped = Array.from({ length: 60 }, (_, index) => 1_000 + index);
const examples = { digest: digest('8'), shingles: new Set(shipped), fingerprints: new Set<string>() };
const ownArchitecture = Array.from({ length: 60 }, (_, index) => index);

/** Received at that position; an architecture of its own that behaves like `1`, unless said otherwise. */
function work(position: number, hotkey: string, more: Partial<ComparedWork> = {}, architecture = ownArchitecture) {
  const indexed = {
    ...{ submissionId: `work ${position}`, hotkey, receivedPosition: position, kind: 'full' as const },
    ...{ architectureFingerprint: digest('a'), trainingFingerprint: digest('b'), behaviour: digest('1') },
    ...{ sketchVersion: 'sketch/1', shingles: digest('c') },
  };
  const sets = { architecture: shingleSet(architecture), training: shingleSet([]) };
  return { ...comparedWork(indexed, sets, examples), ...more };
}

describe('A work whose untrained model answers as another’s', () => {
  it('names the others, the earliest first, and has a finding of the first that was received before', () => {
    const alike = behavingAlike(work(5, 'bob'), [work(9, 'dave'), work(3, 'carol'), work(2, 'alice')]);
    expect(alike).to.deep.equal([
      { submissionId: 'work 2', received: 'earlier' },
      { submissionId: 'work 3', received: 'earlier' },
      { submissionId: 'work 9', received: 'later' },
    ]);
    const [found, ...more] = behaviourFindings(alike);
    expect(more).to.deep.equal([]);
    expect(found).to.include({ rule: 'prism:duplicate-behaviour', path: null });
    expect(found?.explanation).to.include('submission work 2,').and.include('hint');
    expect(behaviourFindings(behavingAlike(work(1, 'bob'), [work(2, 'alice')]))).to.deep.equal([]);
  });

  const exempt: readonly (readonly [string, ComparedWork, readonly ComparedWork[]])[] = [
    ['it answers otherwise', work(5, 'bob', { behaviour: digest('2') }), [work(2, 'alice')]],
    ['nobody knows how it answers', work(5, 'bob', { behaviour: null }), [work(2, 'alice', { behaviour: null })]],
    ['the others are by the same hotkey', work(5, 'alice'), [work(2, 'alice')]],
    ['its hotkey had the like before', work(5, 'bob'), [work(1, 'bob'), work(2, 'alice')]],
    ['it claims no architecture', work(5, 'bob', { kind: 'training_for_arch' }), [work(2, 'alice')]],
    ['the other claims none', work(5, 'bob'), [work(2, 'alice', { kind: 'training_for_arch' })]],
    ['its architecture is a shipped example’s', work(5, 'bob', {}, shipped), [work(2, 'alice', {}, shipped)]],
  ];
  for (const [why, asking, others] of exempt) {
    it(`is no matter where ${why}`, () => {
      expect(behavingAlike(asking, others)).to.deep.equal([]);
    });
  }
});

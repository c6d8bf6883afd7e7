import { expect } from 'chai';
import { gateNames, type SubmissionEvent } from '../../domain/submission/events.ts';
import { givenSubmission as given } from './given-when-then.ts';
import {
  attemptKey,
  completed,
  contractResolved,
  expireHold,
  gateSkipped,
  held,
  heldAsCopy,
  measuring,
  originalFound,
  queued,
  received,
  recordOriginal,
  resolved,
  resolveHold,
  scoring,
  sketched,
} from './submission-examples.ts';

const untilDuplicate: readonly SubmissionEvent[] = [
  ...[received, contractResolved],
  ...gateNames.slice(1, gateNames.indexOf('duplicate')).map((gate) => gateSkipped(gate)),
  sketched,
];
const untilLlm = queued.slice(0, -1);
const anew = { type: 'SubmissionHeld', data: { source: 'duplicate', operator: null, copyOf: 'original' } } as const;

describe('A copy that was judged before its original', () => {
  it('is held where it stands, by an audit once it is published', () => {
    given(...queued)
      .when(recordOriginal)
      .thenYields({ type: 'OriginalFound', data: { original: 'original' } }, anew);
    given(...completed)
      .when(recordOriginal)
      .thenYields({ type: 'OriginalFound' }, { type: 'SubmissionHeld', data: { source: 'audit', copyOf: 'original' } });
  });

  it('has its running attempt cancelled', () => {
    given(...measuring)
      .when(recordOriginal)
      .thenYields({ type: 'OriginalFound' }, { type: 'AttemptCancelled', data: attemptKey('score', 1) }, anew);
  });

  for (const [where, life, source] of [
    ['before its run', queued, 'duplicate'],
    ['at its own duplicate gate', untilDuplicate, 'duplicate'],
    ['once it is published', completed, 'audit'],
  ] as const) {
    it(`that nobody decides about ${where} is held anew, then rejected`, () => {
      const parked = [...life, originalFound, heldAsCopy('h1', source)];
      const { events } = given(...parked)
        .when(expireHold('h1', 86_400))
        .thenYields({ type: 'HoldExpired' }, { type: 'SubmissionHeld', data: { source, copyOf: 'original' } });
      const second = events.at(-1);
      if (second?.type !== 'SubmissionHeld') return expect.fail();
      expect(second.data.holdId).not.to.equal('h1');
      given(...parked, ...events)
        .when(expireHold(second.data.holdId, 2 * 86_400))
        .thenYields({ type: 'HoldExpired' }, { type: 'SubmissionRejected', data: { reason: 'holdExpired' } });
    });
  }

  it('is released to where it stood: its own duplicate gate has still to ask', () => {
    given(...untilDuplicate, originalFound, heldAsCopy('h1'))
      .when(resolveHold('h1', 'release'))
      .thenYields({ type: 'HoldResolved' })
      .state((state) =>
        expect(state).to.include({ phase: 'gate', gate: 'duplicate', sketchVersion: 'sketch/1', expiredHolds: 0 }),
      );
  });

  it('that is held for something else is held once that hold ends, whoever ends it', () => {
    const waiting = [...untilLlm, held('h1', 'llm')];
    given(...waiting)
      .when(recordOriginal)
      .thenYields({ type: 'OriginalFound' });
    given(...waiting, originalFound)
      .when(resolveHold('h1', 'release'))
      .thenYields({ type: 'HoldResolved' }, anew)
      .state((state) => {
        if (state.phase !== 'held') return expect.fail(state.phase);
        expect(state.hold.onRelease.phase).to.equal('queued');
      });
    given(...waiting, originalFound)
      .when(expireHold('h1', 86_400))
      .thenYields({ type: 'HoldExpired' }, anew);
    given(...waiting, originalFound)
      .when(resolveHold('h1', 'reject'))
      .thenYields({ type: 'HoldResolved' }, { type: 'SubmissionRejected' });
  });

  it('keeps to its blind value where an integrity hold was released before', () => {
    const { events } = given(...scoring, held('h1', 'integrity'), originalFound).when(resolveHold('h1', 'release'));
    const parked = [...scoring, held('h1', 'integrity'), originalFound, ...events];
    const last = events.at(-1);
    if (last?.type !== 'SubmissionHeld') return expect.fail(last?.type);
    given(...parked)
      .when(resolveHold(last.data.holdId, 'release'))
      .state((state) => expect(state).to.include({ phase: 'scoring', publishBlind: true }));
  });

  it('is held once for each original, one after the other', () => {
    const parked = [...queued, originalFound, heldAsCopy('h1')];
    given(...parked)
      .when(recordOriginal)
      .thenYields();
    given(...parked, resolved('h1', 'release'))
      .when(recordOriginal)
      .thenYields();
    const { events } = given(...parked)
      .when({ ...recordOriginal, original: 'another' })
      .thenYields({ type: 'OriginalFound' });
    given(...parked, ...events)
      .when(resolveHold('h1', 'release'))
      .thenYields({ type: 'HoldResolved' }, { type: 'SubmissionHeld', data: { copyOf: 'another' } });
  });

  it('stays as it is once it has ended', () => {
    const rejection = given(received, held('h1', 'operator')).when(resolveHold('h1', 'reject')).events;
    given(received, held('h1', 'operator'), ...rejection)
      .when(recordOriginal)
      .thenRefused('alreadyEnded');
  });
});

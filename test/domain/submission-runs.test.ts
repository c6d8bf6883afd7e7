import { expect } from 'chai';
import type { SubmissionEvent } from '../../domain/submission/events.ts';
import { givenSubmission as given } from './given-when-then.ts';
import {
  attemptAborted,
  attemptCompleted,
  attemptKey,
  attemptStarted,
  completed,
  completedOutcome,
  crashOutcome,
  hold,
  measuring,
  ourFault,
  queued,
  received,
  recordOutcome,
  requestRun,
  resolveHold,
  runConcluded,
  runRequested,
  scoring,
  startAttempt,
  waiting,
} from './submission-examples.ts';

const withHeldOut: readonly SubmissionEvent[] = [
  ...measuring,
  runRequested('heldOut', 'heldOut'),
  attemptStarted('heldOut', 1),
];

describe('A run', () => {
  it('is asked for once', () => {
    given(...queued)
      .when(requestRun('score', 'score'))
      .thenYields({ type: 'RunRequested' });
    given(...waiting)
      .when(requestRun('score', 'score'))
      .thenYields();
  });

  it('isn’t asked for before the gates are passed', () => {
    given(received).when(requestRun('score', 'score')).thenRefused('notDue');
  });

  it('is the score run first, and no second score run ever', () => {
    given(...queued)
      .when(requestRun('heldOut', 'heldOut'))
      .thenRefused('notDue');
    given(...waiting)
      .when(requestRun('again', 'score'))
      .thenRefused('notDue');
  });

  it('may be added while others are measured, and holds the score back until it is concluded', () => {
    given(...scoring)
      .when(requestRun('rerun', 'rerun'))
      .thenYields({ type: 'RunRequested' })
      .state((state) => expect(state.phase).to.equal('measuring'));
    const both = [...scoring, runRequested('rerun', 'rerun'), attemptStarted('rerun', 1)];
    given(...both)
      .when(recordOutcome('rerun', 1, completedOutcome))
      .state((state) => expect(state.phase).to.equal('scoring'));
  });

  it('corrects a completed submission only as a rerun or a replicate', () => {
    given(...completed)
      .when(requestRun('rerun', 'rerun'))
      .thenYields({ type: 'RunRequested' })
      .state((state) => expect(state.phase).to.equal('completed'));
    given(...completed)
      .when(requestRun('heldOut', 'heldOut'))
      .thenRefused('notDue');
  });

  it('that isn’t the score run concludes without a measurement where it fails', () => {
    const heldOut = [...scoring, runRequested('heldOut', 'heldOut'), attemptStarted('heldOut', 1)];
    given(...heldOut)
      .when(recordOutcome('heldOut', 1, crashOutcome))
      .thenYields({ type: 'AttemptFailed' }, { type: 'RunConcluded', data: { conclusion: 'failed', verdict: null } })
      .state((state) => expect(state.phase).to.equal('scoring'));
    given(...heldOut)
      .when(recordOutcome('heldOut', 1, ourFault, 1))
      .thenYields({ type: 'AttemptAborted' }, { type: 'RunConcluded', data: { conclusion: 'exhausted' } });
  });
});

describe('An attempt', () => {
  it('is started once: the first start wins, the same start again is already so', () => {
    given(...measuring)
      .when(startAttempt('score', 1))
      .thenYields();
    given(...measuring)
      .when(startAttempt('score', 1, 'slot-host-cpu1'))
      .thenRefused('attemptTaken');
    given(...measuring)
      .when({ ...startAttempt('score', 1), fencingToken: 9 })
      .thenRefused('attemptTaken');
  });

  it('starts with the next number only', () => {
    given(...waiting)
      .when(startAttempt('score', 2))
      .thenRefused('staleToken');
    given(...measuring, attemptAborted('score', 1))
      .when(startAttempt('score', 1))
      .thenRefused('staleToken');
    given(...waiting)
      .when(startAttempt('rerun', 1))
      .thenRefused('unknownRun');
  });

  it('that fails by their fault fails the submission at once, with the verdict and the place', () => {
    given(...measuring)
      .when(recordOutcome('score', 1, crashOutcome))
      .thenYields(
        { type: 'AttemptFailed', data: { ...attemptKey('score', 1), verdict: 'exception' } },
        { type: 'SubmissionFailed', data: { reason: 'exception', where: 'training.py:7', attempt: 1 } },
      );
  });

  it('that ends by our fault is tried again while attempts are left, then the submission fails', () => {
    const second = [...measuring, attemptAborted('score', 1), attemptStarted('score', 2)];
    given(...measuring)
      .when(recordOutcome('score', 1, ourFault, 3))
      .thenYields({ type: 'AttemptAborted' });
    given(...second)
      .when(recordOutcome('score', 2, ourFault, 3))
      .thenYields({ type: 'AttemptAborted' });
    const third = [...second, attemptAborted('score', 2), attemptStarted('score', 3)];
    given(...third)
      .when(recordOutcome('score', 3, ourFault, 3))
      .thenYields(
        { type: 'AttemptAborted' },
        { type: 'SubmissionFailed', data: { reason: 'attemptsExhausted', attempt: 3 } },
      );
  });

  it('that an operator cancelled costs none of the attempts', () => {
    const cancelled = given(...measuring).when({
      kind: 'CancelAttempt',
      ...attemptKey('score', 1),
      operator: 'olga',
      reason: 'host goes down',
    });
    cancelled.thenYields({ type: 'AttemptCancelled' });
    given(...measuring, ...cancelled.events, attemptStarted('score', 2))
      .when(recordOutcome('score', 2, ourFault, 2))
      .thenYields({ type: 'AttemptAborted' });
  });

  it('that ends on a slot which is closed for it costs none of the attempts, while it is not one after another', () => {
    const lost = { ...ourFault, reason: 'deviceLost' } as const;
    const closed = { ...recordOutcome('score', 1, ourFault, 1), isSlotClosed: true };
    for (const spared of [closed, recordOutcome('score', 1, lost, 1)]) {
      const { events } = given(...measuring)
        .when(spared)
        .thenYields({ type: 'AttemptAborted', data: { countsAgainstRun: false } });
      given(...measuring, ...events, attemptStarted('score', 2))
        .when(recordOutcome('score', 2, lost, 1))
        .thenYields({ type: 'AttemptAborted', data: { countsAgainstRun: true } }, { type: 'SubmissionFailed' });
    }
  });

  it('has one outcome: a late one with an old token is refused, and one of an ended attempt changes nothing', () => {
    const second = [...measuring, attemptAborted('score', 1), attemptStarted('score', 2)];
    given(...second)
      .when(recordOutcome('score', 1, completedOutcome))
      .thenRefused('staleToken');
    given(...second)
      .when({ ...recordOutcome('score', 2, completedOutcome), fencingToken: 1 })
      .thenRefused('staleToken');
    given(...measuring, attemptAborted('score', 1))
      .when(recordOutcome('score', 1, completedOutcome))
      .thenYields();
    given(...measuring, attemptCompleted('score', 1), runConcluded('score'))
      .when(recordOutcome('score', 1, crashOutcome))
      .thenYields();
  });

  it('of another run is cancelled where the score run fails, and its late outcome changes nothing', () => {
    const { events } = given(...withHeldOut)
      .when(recordOutcome('score', 1, crashOutcome))
      .thenYields(
        { type: 'AttemptFailed', data: { run: 'score' } },
        { type: 'AttemptCancelled', data: { run: 'heldOut', operator: 'prism' } },
        { type: 'SubmissionFailed' },
      );
    given(...withHeldOut, ...events)
      .when(recordOutcome('heldOut', 1, completedOutcome))
      .thenYields();
  });

  it('cancelled by a hold has no outcome any more, during the hold and after it', () => {
    const parked = given(...measuring).when(hold('h1', 'operator')).events;
    given(...measuring, ...parked)
      .when(recordOutcome('score', 1, completedOutcome))
      .thenYields();
    const released = given(...measuring, ...parked).when(resolveHold('h1', 'release')).events;
    given(...measuring, ...parked, ...released)
      .when(recordOutcome('score', 1, completedOutcome))
      .thenYields();
  });

  it('says no more of what a contestant printed than an event may carry', () => {
    const shout = { ...crashOutcome, message: 'x'.repeat(100_000), where: 'y'.repeat(100_000) };
    const { events } = given(...measuring).when(recordOutcome('score', 1, shout));
    const sizes = events.map(({ data }) => ('message' in data ? data.message.length : 0));
    expect(sizes).to.deep.equal([4_096, 4_096]);
  });

  it('is recorded even where the contestant’s message ends in half a character', () => {
    const half = { ...crashOutcome, message: '\ud800 broken 😀', where: '😀'.repeat(2_048).slice(0, -1) };
    given(...measuring)
      .when(recordOutcome('score', 1, half))
      .thenYields(
        { type: 'AttemptFailed', data: { message: '\ufffd broken 😀', where: `${'😀'.repeat(2_047)}\ufffd` } },
        { type: 'SubmissionFailed' },
      );
  });
});

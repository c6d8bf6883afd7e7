import { expect } from 'chai';
import { gateNames, type SubmissionEvent } from '../../domain/submission/events.ts';
import { givenSubmission as given } from './given-when-then.ts';
import {
  attemptKey,
  attemptStarted,
  completed,
  contractResolved,
  expireHold,
  gateSkipped,
  held,
  hold,
  measuring,
  queued,
  received,
  recordGate,
  resolved,
  resolveHold,
  runRequested,
  scoring,
  startAttempt,
} from './submission-examples.ts';

const untilLlm: readonly SubmissionEvent[] = queued.slice(0, -1);

describe('A hold', () => {
  it('that the LLM gate asked for is released behind that gate', () => {
    given(...untilLlm, held('h1', 'llm'))
      .when(resolveHold('h1', 'release'))
      .thenYields({ type: 'HoldResolved' })
      .state((state) => expect(state.phase).to.equal('queued'));
  });

  it('that the duplicate gate asked for is released to the LLM gate', () => {
    given(...untilLlm.slice(0, -1), held('h1', 'duplicate'))
      .when(resolveHold('h1', 'release'))
      .state((state) => expect(state).to.include({ phase: 'gate', gate: 'llm' }));
  });

  it('by an operator at a gate is released to that same gate', () => {
    given(...untilLlm, held('h1', 'operator'))
      .when(resolveHold('h1', 'release'))
      .state((state) => expect(state).to.include({ phase: 'gate', gate: 'llm' }));
  });

  it('never lets a submission pass another gate than the one that asked', () => {
    given(received, held('h1', 'llm'))
      .when(resolveHold('h1', 'release'))
      .state((state) => expect(state).to.include({ phase: 'gate', gate: 'contract' }));
    given(received, contractResolved, held('h1', 'duplicate'))
      .when(resolveHold('h1', 'release'))
      .state((state) => expect(state).to.include({ phase: 'gate', gate: 'static' }));
  });

  it('takes no verdict of a gate while it lasts', () => {
    given(...untilLlm, held('h1', 'operator'))
      .when(recordGate('llm', { kind: 'skipped', reason: 'off' }))
      .thenRefused('notDue');
  });

  it('is placed once, and no second one beside it', () => {
    given(...untilLlm, held('h1', 'llm'))
      .when(hold('h1', 'llm'))
      .thenYields();
    given(...untilLlm, held('h1', 'llm'))
      .when(hold('h2', 'operator'))
      .thenRefused('wrongHold');
  });

  it('is resolved once: the second operator learns that the first one decided', () => {
    given(...untilLlm, held('h1', 'llm'), resolved('h1', 'release'))
      .when(resolveHold('h1', 'reject'))
      .thenRefused('wrongHold');
    given(...untilLlm, held('h1', 'llm'))
      .when(resolveHold('h2', 'release'))
      .thenRefused('wrongHold');
  });

  it('that is rejected rejects the submission', () => {
    given(...untilLlm, held('h1', 'llm'))
      .when(resolveHold('h1', 'reject'))
      .thenYields({ type: 'HoldResolved' }, { type: 'SubmissionRejected', data: { reason: 'holdRejected' } });
  });

  it('for integrity publishes the blind value once it is released', () => {
    given(...scoring, held('h1', 'integrity'))
      .when(resolveHold('h1', 'release'))
      .state((state) => expect(state).to.deep.include({ phase: 'scoring', publishBlind: true }));
    given(...scoring, held('h1', 'operator'))
      .when(resolveHold('h1', 'release'))
      .state((state) => expect(state).to.deep.include({ phase: 'scoring', publishBlind: false }));
  });

  it('that nobody decides goes back to its gate once, then rejects', () => {
    const first = given(...untilLlm, held('h1', 'llm'));
    first.when(expireHold('h1', 86_399)).thenRefused('notDue');
    const { events } = first
      .when(expireHold('h1', 86_400))
      .thenYields({ type: 'HoldExpired' })
      .state((state) => expect(state).to.include({ phase: 'gate', gate: 'llm' }));
    given(...untilLlm, held('h1', 'llm'), ...events, held('h2', 'llm'))
      .when(expireHold('h2', 86_400))
      .thenYields({ type: 'HoldExpired' }, { type: 'SubmissionRejected', data: { reason: 'holdExpired' } });
  });

  it('never expires in the place of another one', () => {
    given(...untilLlm, held('h2', 'llm'))
      .when(expireHold('h1', 86_400))
      .thenRefused('wrongHold');
    given(...untilLlm)
      .when(expireHold('h1', 86_400))
      .thenRefused('wrongHold');
  });

  it('cancels the running attempt, whose run waits again after the release', () => {
    const { events } = given(...measuring)
      .when(hold('h1', 'operator', 'olga'))
      .thenYields(
        { type: 'AttemptCancelled', data: { ...attemptKey('score', 1), operator: 'olga' } },
        { type: 'SubmissionHeld' },
      );
    const parked = given(...measuring, ...events);
    parked.when(startAttempt('score', 2)).thenRefused('notDue');
    given(...measuring, ...events, resolved('h1', 'release'))
      .when(startAttempt('score', 2))
      .thenYields({ type: 'AttemptStarted', data: { attempt: 2 } });
  });

  it('cancels every running attempt, where several runs are under way', () => {
    const both = [...measuring, runRequested('heldOut', 'heldOut'), attemptStarted('heldOut', 1)];
    given(...both)
      .when(hold('h1', 'operator', 'olga'))
      .thenYields(
        { type: 'AttemptCancelled', data: { run: 'score' } },
        { type: 'AttemptCancelled', data: { run: 'heldOut' } },
        { type: 'SubmissionHeld' },
      );
  });

  it('parks a completed submission for an audit or an operator only', () => {
    given(...completed)
      .when(hold('h1', 'audit'))
      .thenYields({ type: 'SubmissionHeld' });
    given(...completed)
      .when(hold('h1', 'integrity'))
      .thenRefused('notDue');
    given(...completed, held('h1', 'audit'))
      .when(resolveHold('h1', 'release'))
      .state((state) => expect(state).to.include({ phase: 'completed', voided: false }));
  });

  it('finds nothing to park in a submission that has ended', () => {
    const rejected = given(received, held('h1', 'operator')).when(resolveHold('h1', 'reject')).events;
    given(received, held('h1', 'operator'), ...rejected)
      .when(hold('h2', 'operator'))
      .thenRefused('alreadyEnded');
  });

  it('brings a submission back from any gate to that gate', () => {
    gateNames.forEach((gate, index) => {
      const passed =
        index === 0 ? [] : [contractResolved, ...gateNames.slice(1, index).map((name) => gateSkipped(name))];
      given(received, ...passed, held('h1', 'audit'))
        .when(resolveHold('h1', 'release'))
        .state((state) => expect(state).to.include({ phase: 'gate', gate }));
    });
  });
});

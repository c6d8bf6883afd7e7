import { expect } from 'chai';
import type { Examination } from '../../domain/integrity/examination.ts';
import type { RerunVerdict } from '../../domain/integrity/rerun.ts';
import type { EarlierAttempt } from '../../domain/integrity/retry.ts';
import type { PolicyDraft } from '../../domain/policy/policy.ts';
import type { SubmissionEvent } from '../../domain/submission/events.ts';
import { givenSubmission as given } from './given-when-then.ts';
import {
  attemptAborted,
  attemptCompleted,
  attemptFailed,
  attemptStarted,
  completed,
  completedOutcome,
  conclude,
  concludeWith,
  crashOutcome,
  digest,
  examination,
  expireHold,
  fact,
  instant,
  measurement,
  measuring,
  noStandings,
  objectionable,
  ourFault,
  recordOutcome,
  requestRun,
  rerunExamination,
  rerunOutcome,
  resolveHold,
  runConcluded,
  runRequested,
  scoring,
} from './submission-examples.ts';

const every = (beforePublication = true): PolicyDraft => ({
  integrity: { reruns: { mode: 'all', beforePublication } },
});

/** A score run that was examined so. */
function scoringWith(examined: Examination): readonly SubmissionEvent[] {
  const { data } = attemptCompleted('score', 1);
  return [...measuring, fact('AttemptCompleted', { ...data, examination: examined }), runConcluded('score')];
}

/** Blind it pays what it claims, within two standard errors of 0.05. */
const blind = { bitsPerByte: 2.61, standardErrorBpb: 0.05, excessBpb: 0.01, excessStandardErrors: 0.2 };
const examined: Examination = { ...examination, frames: 62, cuts: 992, blind, undetectedBpb: 0.28 };

function rerunEnded(before: readonly SubmissionEvent[], verdict: RerunVerdict): readonly SubmissionEvent[] {
  const { data } = attemptCompleted('rerun', 1);
  return [
    ...before,
    runRequested('rerun', 'rerun'),
    attemptStarted('rerun', 1),
    fact('AttemptCompleted', { ...data, examination: rerunExamination(verdict) }),
    runConcluded('rerun', 'measured', verdict),
  ];
}

const rerunning = (before: readonly SubmissionEvent[]): readonly SubmissionEvent[] => [
  ...before,
  runRequested('rerun', 'rerun'),
  attemptStarted('rerun', 1),
];

const scoreIn = (events: readonly SubmissionEvent[]) => {
  const [found] = events.flatMap((event) =>
    event.type === 'ScoreComputed' || event.type === 'ScoreRecomputed' ? [event.data.score] : [],
  );
  return found ?? expect.fail('nothing was scored');
};

describe('An unconfirmed score', () => {
  it('counts as what the model pays blind, with two standard errors on top', () => {
    const score = scoreIn(given(...scoringWith(examined)).when(conclude).events);
    expect(score).to.deep.include({ confirmation: 'unconfirmed', undetectedBpb: 0.28, blindBpb: 2.61 });
    expect(score.bitsPerByte).to.be.closeTo(2.6, 1e-9);
    expect(score.countedBpb).to.be.closeTo(2.71, 1e-9);
    expect(score.chargedBpb).to.be.closeTo(2.81, 1e-9);
    expect(score.finalScore).to.be.closeTo(1 / 3.81, 1e-9);
    expect(score.baselineBpb).to.be.closeTo(3.05, 1e-9);
  });

  it('never counts as less than what it claims', () => {
    const lucky = { ...examined, blind: { ...blind, bitsPerByte: 2.3 } };
    expect(scoreIn(given(...scoringWith(lucky)).when(conclude).events).countedBpb).to.be.closeTo(2.6, 1e-9);
  });

  it('counts as what its rerun paid blind where only that had decoys enough for a verdict', () => {
    const { data } = attemptCompleted('rerun', 1);
    const rerunBlind = { ...rerunExamination('nonReproducible'), blind, undetectedBpb: 0.28 };
    const history = [
      ...scoring,
      ...[runRequested('rerun', 'rerun'), attemptStarted('rerun', 1)],
      fact('AttemptCompleted', { ...data, examination: rerunBlind }),
      runConcluded('rerun', 'measured', 'nonReproducible'),
    ];
    const score = scoreIn(given(...history).when(conclude).events);
    expect(score).to.include({ confirmation: 'nonReproducible', blindBpb: 2.61, undetectedBpb: 0.28 });
    expect(score.countedBpb).to.be.closeTo(2.71, 1e-9);
  });

  it('is marked where an attempt that ended by our fault had answered otherwise, until a rerun has its say', () => {
    const { data } = attemptCompleted('score', 2);
    const first = { attempt: 1, groupsCompared: 9 };
    const retried = (earlier: EarlierAttempt) => [
      ...[...measuring, attemptAborted('score', 1), attemptStarted('score', 2)],
      ...[fact('AttemptCompleted', { ...data, earlierAttempts: [earlier] }), runConcluded('score')],
    ];
    const alike = retried({ ...first, groupsEqual: 9, firstDifferingGroup: null });
    const differing = retried({ ...first, groupsEqual: 8, firstDifferingGroup: 8 });
    expect(scoreIn(given(...alike).when(conclude).events).confirmation).to.equal('unconfirmed');
    expect(scoreIn(given(...differing).when(conclude).events).confirmation).to.equal('nonReproducible');
    const confirmed = given(...rerunEnded(differing, 'confirmed')).when(conclude).events;
    expect(scoreIn(confirmed).confirmation).to.equal('confirmed');
  });

  it('counts as claimed where there were too few decoys for a verdict', () => {
    expect(scoreIn(given(...scoring).when(conclude).events).countedBpb).to.be.closeTo(2.6, 1e-9);
  });
});

describe('A rerun', () => {
  it('is asked for before publication, with the rule, the compared score and the log position', () => {
    const standings = { champion: 0.2, ofHotkey: 0.1, asOfPosition: 77 };
    const policy: PolicyDraft = { integrity: { reruns: { mode: 'champions' } } };
    given(...scoringWith(examined))
      .when(concludeWith(policy, standings))
      .thenYields({
        type: 'RunRequested',
        data: { run: 'rerun', purpose: 'rerun', rule: 'champion', comparedScore: 0.2, asOfPosition: 77 },
      })
      .state((state) => expect(state.phase).to.equal('measuring'));
  });

  it('is asked for after publication where policy says so, in the same transaction', () => {
    given(...scoringWith(examined))
      .when(concludeWith(every(false)))
      .thenYields(
        { type: 'ScoreComputed' },
        { type: 'AttributionDecided' },
        { type: 'SubmissionCompleted' },
        { type: 'RunRequested', data: { rule: 'all' } },
      );
  });

  it('is asked for once', () => {
    const score = scoreIn(
      given(...rerunEnded(scoringWith(examined), 'nonReproducible')).when(concludeWith(every())).events,
    );
    expect(score).to.include({ confirmation: 'nonReproducible', countedBpb: 2.71 });
  });

  it('isn’t asked for where there was nothing to examine, or nothing to score', () => {
    const uncovered = { ...measurement, microNats: 0, coveredBytes: 0, uncoveredBytes: measurement.streamBytes };
    const { data } = attemptCompleted('score', 1);
    const nothing = fact('AttemptCompleted', { ...data, measurement: uncovered });
    given(...measuring, nothing, runConcluded('score'))
      .when(concludeWith(every()))
      .thenYields({ type: 'SubmissionFailed', data: { reason: 'unscorable' } });
    const old = fact('AttemptCompleted', { ...data, cuts: null, examination: null });
    given(...measuring, old, runConcluded('score'))
      .when(concludeWith(every()))
      .thenYields({ type: 'ScoreComputed' }, { type: 'AttributionDecided' }, { type: 'SubmissionCompleted' });
    given(...measuring, old, runConcluded('score'))
      .when(requestRun('rerun', 'rerun'))
      .thenRefused('notDue');
  });

  it('that confirms lets the claim count in full, and says what may still have been missed', () => {
    const score = scoreIn(given(...rerunEnded(scoringWith(examined), 'confirmed')).when(concludeWith(every())).events);
    expect(score).to.include({ confirmation: 'confirmed', undetectedBpb: 0.01 });
    expect(score.countedBpb).to.be.closeTo(2.6, 1e-9);
  });

  it('that contradicts parks the submission for its integrity, with the evidence', () => {
    given(...rerunEnded(scoringWith(examined), 'contradicted'))
      .when(concludeWith(every()))
      .thenYields({ type: 'SubmissionHeld', data: { source: 'integrity', expiresAt: instant(1_000 + 86_400) } })
      .state((state) => expect(state.phase === 'held' && state.hold.reason).to.include('2 of 1440 cuts'));
  });

  it('concludes with its verdict, and with none where it ended on ours', () => {
    const running = rerunning(scoringWith(examined));
    for (const verdict of ['confirmed', 'contradicted', 'nonReproducible'] as const) {
      given(...running)
        .when(recordOutcome('rerun', 1, rerunOutcome(verdict)))
        .thenYields({ type: 'AttemptCompleted' }, { type: 'RunConcluded', data: { conclusion: 'measured', verdict } })
        .state((state) => expect(state.phase).to.equal('scoring'));
    }
    given(...running)
      .when(recordOutcome('rerun', 1, ourFault, 3))
      .thenYields({ type: 'AttemptAborted' });
    given(...running)
      .when(recordOutcome('rerun', 1, ourFault, 1))
      .thenYields(
        { type: 'AttemptAborted' },
        { type: 'RunConcluded', data: { conclusion: 'exhausted', verdict: null } },
      );
  });

  it('that ends on the contestant’s side contradicts: what got through once gets through again', () => {
    const failed = [...rerunning(scoringWith(examined)), attemptFailed('rerun', 1)];
    given(...rerunning(scoringWith(examined)))
      .when(recordOutcome('rerun', 1, crashOutcome))
      .thenYields({ type: 'AttemptFailed' }, { type: 'RunConcluded', data: { verdict: 'contradicted' } });
    given(...failed, runConcluded('rerun', 'failed', 'contradicted'))
      .when(concludeWith(every()))
      .thenYields({ type: 'SubmissionHeld', data: { source: 'integrity' } });
  });

  it('that our own faults kept from an end leaves the score unconfirmed', () => {
    const aborted = fact('AttemptAborted', {
      run: 'rerun',
      attempt: 1,
      fencingToken: 1,
      ...{ reason: 'refereeLost', message: '', log: null, commitments: null, countsAgainstRun: true },
    });
    const exhausted = [...rerunning(scoringWith(examined)), aborted, runConcluded('rerun', 'exhausted')];
    expect(scoreIn(given(...exhausted).when(concludeWith(every())).events)).to.include({ confirmation: 'unconfirmed' });
  });
});

describe('A rerun of a published score', () => {
  const published = [...scoringWith(examined), ...given(...scoringWith(examined)).when(conclude).events];

  it('that confirms it corrects it in the same append', () => {
    const { events } = given(...rerunning(published))
      .when(recordOutcome('rerun', 1, rerunOutcome('confirmed')))
      .thenYields(
        { type: 'AttemptCompleted' },
        { type: 'RunConcluded' },
        { type: 'ScoreRecomputed', data: { reason: 'rerun rerun' } },
      )
      .state((state) => expect(state.phase).to.equal('completed'));
    expect(scoreIn(events).finalScore).to.be.greaterThan(scoreIn(published).finalScore);
  });

  it('that contradicts it parks the submission at once', () => {
    given(...rerunning(published))
      .when(recordOutcome('rerun', 1, rerunOutcome('contradicted')))
      .thenYields(
        { type: 'AttemptCompleted' },
        { type: 'RunConcluded' },
        { type: 'ScoreRecomputed' },
        { type: 'SubmissionHeld', data: { source: 'integrity', operator: null } },
      )
      .state((state) => expect(state.phase).to.equal('held'));
  });

  it('that ends on the contestant’s side does the same', () => {
    const { events } = given(...rerunning(published)).when(recordOutcome('rerun', 1, crashOutcome));
    expect(events.map(({ type }) => type)).to.deep.equal([
      'AttemptFailed',
      'RunConcluded',
      'ScoreRecomputed',
      'SubmissionHeld',
    ]);
  });

  it('corrects nothing that is void', () => {
    const voided = fact('ScoreVoided', { operator: 'olga', reason: 'leaked' });
    given(...rerunning([...published, voided]))
      .when(recordOutcome('rerun', 1, rerunOutcome('confirmed')))
      .thenYields({ type: 'AttemptCompleted' }, { type: 'RunConcluded' });
  });

  it('ended by our own fault changes nothing', () => {
    given(...rerunning(completed))
      .when(recordOutcome('rerun', 1, ourFault, 1))
      .thenYields({ type: 'AttemptAborted' }, { type: 'RunConcluded' });
  });
});

describe('A claim that its own cuts speak against', () => {
  const history = scoringWith(objectionable);

  it('parks the submission before any rerun, with the numbers', () => {
    given(...history)
      .when(concludeWith(every()))
      .thenYields({ type: 'SubmissionHeld', data: { source: 'integrity' } })
      .state((state) => expect(state.phase === 'held' && state.hold.reason).to.include('6 standard errors'));
  });

  it('of signed differences does the same', () => {
    const signed = { meanMicroNats: 20, standardErrorMicroNats: 1, standardErrors: 20 };
    const { state } = given(...scoringWith({ ...examined, signed }));
    given(...scoringWith({ ...examined, signed }))
      .when(conclude)
      .thenYields({ type: 'SubmissionHeld', data: { source: 'integrity' } });
    expect(state.phase).to.equal('scoring');
  });

  it('counts as what it pays blind once an operator has released it, and isn’t repeated', () => {
    const held = given(...history).when(conclude).events;
    const [hold] = held;
    if (hold?.type !== 'SubmissionHeld') return expect.fail('it was not held');
    const released = given(...history, ...held).when(resolveHold(hold.data.holdId, 'release')).events;
    const { events } = given(...history, ...held, ...released).when(concludeWith(every()));
    expect(events.map(({ type }) => type)).to.deep.equal([
      'ScoreComputed',
      'AttributionDecided',
      'SubmissionCompleted',
    ]);
    expect(scoreIn(events).countedBpb).to.be.closeTo(2.9 + 2 * 0.05, 1e-9);
  });

  it('is parked again, under another id, where nobody decided, and rejected the second time', () => {
    const first = given(...history).when(conclude).events;
    const idOf = (events: readonly SubmissionEvent[]) =>
      events.flatMap((event) => (event.type === 'SubmissionHeld' ? [event.data.holdId] : []))[0] ?? '';
    const expired = given(...history, ...first).when(expireHold(idOf(first), 90_000)).events;
    const second = given(...history, ...first, ...expired).when(conclude).events;
    expect(idOf(second)).not.to.be.oneOf(['', idOf(first)]);
    given(...history, ...first, ...expired, ...second)
      .when(expireHold(idOf(second), 180_000))
      .thenYields({ type: 'HoldExpired' }, { type: 'SubmissionRejected', data: { reason: 'holdExpired' } });
  });

  it('is parked again at once where the score is published already', () => {
    const published = [...scoringWith(examined), ...given(...scoringWith(examined)).when(conclude).events];
    const history = rerunning(published);
    const { events } = given(...history).when(recordOutcome('rerun', 1, rerunOutcome('contradicted')));
    const [first] = events.flatMap((event) => (event.type === 'SubmissionHeld' ? [event.data.holdId] : []));
    given(...history, ...events)
      .when(expireHold(first ?? '', 90_000))
      .thenYields({ type: 'HoldExpired' }, { type: 'SubmissionHeld', data: { source: 'integrity' } });
  });
});

describe('Keys', () => {
  const keys = { cuts: digest('7'), rows: null };

  it('stand in the event that ends a run, whoever’s fault the end was, and in none before', () => {
    given(...measuring)
      .when(recordOutcome('score', 1, completedOutcome))
      .thenYields({ type: 'AttemptCompleted', data: { keys } }, { type: 'RunConcluded' });
    given(...measuring)
      .when(recordOutcome('score', 1, { ...crashOutcome, keys }))
      .thenYields({ type: 'AttemptFailed', data: { keys } }, { type: 'SubmissionFailed' });
    const { events } = given(...measuring).when(recordOutcome('score', 1, ourFault));
    expect(JSON.stringify(events)).not.to.include(digest('7'));
  });
});

describe('A policy without reruns', () => {
  it('asks for none, whatever the standings', () => {
    given(...scoringWith(examined))
      .when(concludeWith({}, { ...noStandings, champion: 0.0001 }, 0))
      .thenYields({ type: 'ScoreComputed' }, { type: 'AttributionDecided' }, { type: 'SubmissionCompleted' });
  });
});

import type { Decision } from '../aggregate.ts';
import { refuse } from '../rejection.ts';
import type { RunOutcome } from '../run.ts';
import { deviceLost } from '../slot/slot.ts';
import { cancelAttempts } from './cancel-attempts.ts';
import type { SubmissionCommand } from './commands.ts';
import { completeScore } from './decide-conclusion.ts';
import { concernOf, integrityHold } from './decide-integrity.ts';
import { recomputed } from './decide-recomputation.ts';
import { type SubmissionEvent, type SubmissionEventData, textLimit } from './events.ts';
import { evolve } from './evolve.ts';
import { activeRuns, findRun, isConcluded, isOpenToAttempts, isRunWanted, scoredRun } from './runs.ts';
import { shownText } from './shown-text.ts';
import type { LivingState, Run, SubmissionState } from './state.ts';

type Command<Kind extends SubmissionCommand['kind']> = Extract<SubmissionCommand, { kind: Kind }>;
type AttemptOf = { readonly run: string; readonly attempt: number; readonly fencingToken: number };

/** Before publication any purpose may be asked for; afterwards only what may correct a score. */
export function decideRunRequest(state: LivingState, command: Command<'RequestRun'>): Decision<SubmissionEvent> {
  if (findRun(state.runs, command.run) !== undefined) return [];
  const isOpen = state.phase === 'queued' || state.phase === 'measuring' || state.phase === 'scoring';
  const corrects = command.purpose === 'rerun' || command.purpose === 'replicate';
  if (!isOpen && !(state.phase === 'completed' && corrects)) {
    return refuse('notDue', `No ${command.purpose} run can be asked for: the submission is ${state.phase}.`);
  }
  if (!isRunWanted(state.runs, command)) {
    return refuse('notDue', 'A submission has one score run, the first that is asked for, and two held-out runs.');
  }
  if (command.purpose === 'rerun' && (scoredRun(state)?.cuts ?? null) === null) {
    return refuse('notDue', 'There is no examined score run to repeat.');
  }
  if (command.purpose === 'heldOut' && (scoredRun(state)?.state ?? null) === null) {
    return refuse('notDue', 'There is no exported state to measure.');
  }
  const { run, purpose, rule, comparedScore, asOfPosition, policyVersion } = command;
  return [{ type: 'RunRequested', data: { run, purpose, rule, comparedScore, asOfPosition, policyVersion } }];
}

/** The first start of an attempt wins; the same start again is already so. */
export function decideAttemptStart(state: LivingState, command: Command<'StartAttempt'>): Decision<SubmissionEvent> {
  const run = findRun(state.runs, command.run);
  if (run === undefined) return refuse('unknownRun', `No run ${command.run} was asked for.`);
  if (run.status === 'attempting') {
    const isSame = run.slot === command.slot && isAttempt(run, command);
    return isSame ? [] : refuse('attemptTaken', `Attempt ${run.lastAttempt} runs on ${run.slot}.`);
  }
  if (!isOpenToAttempts(state) || run.status !== 'waiting')
    return refuse('notDue', `Run ${run.run} doesn't wait for an attempt.`);
  if (command.attempt !== run.lastAttempt + 1) {
    return refuse('staleToken', `The next attempt is number ${run.lastAttempt + 1}, not ${command.attempt}.`);
  }
  const { kind: _, ...data } = command;
  return [{ type: 'AttemptStarted', data }];
}

/** Whose fault it was comes first: only our own is tried again. */
export function decideOutcome(state: LivingState, command: Command<'RecordOutcome'>): Decision<SubmissionEvent> {
  const run = findRun(state.runs, command.run);
  if (run === undefined) return refuse('unknownRun', `No run ${command.run} was asked for.`);
  if (!isAttempt(run, command))
    return refuse('staleToken', `Attempt ${command.attempt} is not the newest of ${run.run}.`);
  if (run.status !== 'attempting') return [];
  const measured = command.outcome.kind === 'completed' || command.outcome.kind === 'heldOutMeasured';
  if (measured && (command.outcome.kind === 'heldOutMeasured') !== (run.purpose === 'heldOut'))
    return refuse('notDue', `A ${run.purpose} run doesn't come to an outcome of that kind.`);
  const events = eventsOf(state, run, command);
  return [...events, ...afterRerun(events.reduce(evolve, state), run, command)];
}

function eventsOf(state: LivingState, run: Run, command: Command<'RecordOutcome'>): readonly SubmissionEvent[] {
  const { attempt, fencingToken, outcome } = command;
  const key = { run: run.run, attempt, fencingToken };
  switch (outcome.kind) {
    case 'completed': {
      const { kind: _, ...measured } = outcome;
      const verdict = run.purpose === 'rerun' ? (outcome.examination?.rerun?.verdict ?? 'nonReproducible') : null;
      return [
        { type: 'AttemptCompleted', data: { ...key, ...measured } },
        { type: 'RunConcluded', data: { run: run.run, conclusion: 'measured', verdict } },
      ];
    }
    case 'heldOutMeasured': {
      const { kind: _, ...measured } = outcome;
      return [
        { type: 'HeldOutMeasured', data: { ...key, ...measured } },
        { type: 'RunConcluded', data: { run: run.run, conclusion: 'measured', verdict: null } },
      ];
    }
    case 'submissionFault':
    case 'limitExceeded':
      return theirs(state, run, key, outcome);
    case 'infrastructureFault':
      return ours(state, run, key, outcome, command);
  }
}

/** A rerun of a published score corrects it at once, and parks the submission where it contradicts the claims. */
function afterRerun(
  state: SubmissionState,
  { purpose, run }: Run,
  { policy, now }: Command<'RecordOutcome'>,
): readonly SubmissionEvent[] {
  if (purpose !== 'rerun' || state.phase !== 'completed') return [];
  const ended = findRun(state.runs, run);
  if (ended === undefined || !isConcluded(ended)) return [];
  const scored = completeScore(state, policy);
  const isScored = !state.voided && 'score' in scored;
  const correction = isScored ? recomputed(state, scored, `rerun ${run}`, policy) : [];
  const concern = concernOf(state, policy);
  return concern === null ? correction : [...correction, ...integrityHold(state, concern, policy, now)];
}

function theirs(
  state: LivingState,
  run: Run,
  key: AttemptOf,
  outcome: Extract<RunOutcome, { kind: 'submissionFault' | 'limitExceeded' }>,
): readonly SubmissionEvent[] {
  const { verdict, log, manifest, cuts, keys } = outcome;
  const where = outcome.where === null ? null : shownText(outcome.where, textLimit);
  const message = shownText(outcome.message, textLimit);
  const failed: SubmissionEvent = {
    type: 'AttemptFailed',
    data: { ...key, verdict, where, message, log, manifest, cuts, keys },
  };
  return [failed, ...endOf(state, run, 'failed', { reason: verdict, attempt: key.attempt, where, message })];
}

function ours(
  state: LivingState,
  run: Run,
  key: AttemptOf,
  outcome: Extract<RunOutcome, { kind: 'infrastructureFault' }>,
  { policy, isSlotClosed }: Command<'RecordOutcome'>,
): readonly SubmissionEvent[] {
  const { reason, log, commitments } = outcome;
  const { attemptsPerRun } = policy.policy;
  const message = shownText(outcome.message, textLimit);
  // A bundle that breaks slot after slot would otherwise do so for ever.
  const isSpared = (reason === deviceLost || isSlotClosed === true) && key.attempt < 2 * attemptsPerRun;
  const aborted: SubmissionEvent = {
    type: 'AttemptAborted',
    data: { ...key, reason, message, log, commitments, countsAgainstRun: !isSpared },
  };
  if (isSpared || run.aborted + 1 < attemptsPerRun) return [aborted];
  const explanation = `${attemptsPerRun} attempts ended by our own fault; the last: ${message}`;
  const failure = {
    reason: 'attemptsExhausted',
    attempt: key.attempt,
    where: null,
    message: shownText(explanation, textLimit),
  } as const;
  return [aborted, ...endOf(state, run, 'exhausted', failure)];
}

/**
 * A submission without its score run has failed, and what else was running for it has nothing left to run for; any
 * other run just concludes, and the score says what that means.
 */
function endOf(
  state: LivingState,
  { run, purpose }: Run,
  conclusion: 'failed' | 'exhausted',
  failure: Omit<SubmissionEventData<'SubmissionFailed'>, 'run'>,
): readonly SubmissionEvent[] {
  if (purpose !== 'score') {
    // A contestant that doesn't get through what it got through before has contradicted itself.
    const verdict = purpose === 'rerun' && conclusion === 'failed' ? 'contradicted' : null;
    return [{ type: 'RunConcluded', data: { run, conclusion, verdict } }];
  }
  const others = activeRuns(state.runs).filter((other) => other.run !== run);
  return [
    ...cancelAttempts(others, 'prism', 'The score run has failed.'),
    { type: 'SubmissionFailed', data: { ...failure, run } },
  ];
}

export function decideCancellation(state: LivingState, command: Command<'CancelAttempt'>): Decision<SubmissionEvent> {
  const run = findRun(state.runs, command.run);
  if (run === undefined) return refuse('unknownRun', `No run ${command.run} was asked for.`);
  if (!isAttempt(run, command))
    return refuse('staleToken', `Attempt ${command.attempt} is not the newest of ${run.run}.`);
  if (isConcluded(run) || run.status !== 'attempting') return [];
  const { kind: _, ...data } = command;
  return [{ type: 'AttemptCancelled', data }];
}

function isAttempt(run: Run, { attempt, fencingToken }: { attempt: number; fencingToken: number }): boolean {
  return run.lastAttempt === attempt && run.lastToken === fencingToken;
}

import { isDeepStrictEqual } from 'node:util';
import { examinationVersion, examine } from '../integrity/examination.ts';
import { type ManifestFacts, measure } from '../integrity/measure.ts';
import type { RunCuts, RunRecord } from '../integrity/record.ts';
import { type Committed, heldAgainst } from '../integrity/retry.ts';
import type { ActivePolicy } from '../policy/policy.ts';
import { isRejection } from '../rejection.ts';
import type { HeldOutMeasurement } from '../scoring/held-out.ts';
import { completeScore } from './decide-conclusion.ts';
import type { SubmissionEvent, SubmissionEventData } from './events.ts';
import { evolve } from './evolve.ts';
import { findRun } from './runs.ts';
import { initialState, type LivingState, type SubmissionState } from './state.ts';

/** The stored files of a completed attempt. */
export type AttemptFiles = { readonly record: RunRecord; readonly cuts: RunCuts; readonly facts: ManifestFacts };

/** What is read while a history is replayed. Both throw where something isn't there. */
export type ReplaySource = {
  filesOf(completed: SubmissionEventData<'AttemptCompleted'>): Promise<AttemptFiles>;
  /** What the stored result of a held-out run says. */
  heldOutOf(measured: SubmissionEventData<'HeldOutMeasured'>): Promise<HeldOutMeasurement>;
  /** What an attempt had committed to; null where that is nothing. `platform` as in `AttemptCompleted`. */
  committedIn(aborted: SubmissionEventData<'AttemptAborted'>): Promise<PlacedCommitments | null>;
  policyOf(version: number): Promise<ActivePolicy>;
};

export type PlacedCommitments = Pick<Committed, 'logits'> & { readonly platform: string };

/** One number or document that was stated in the history and computed anew. */
export type Replayed = {
  /** Index of the event in the history. */
  readonly index: number;
  readonly what: 'measurement' | 'examination' | 'earlierAttempts' | 'heldOut' | 'score';
  readonly stated: object | null;
  readonly computed: object | null;
  /** Null where nothing is compared: an examination by an earlier version of the tests, whose arithmetic is no longer there. */
  readonly isEqual: boolean | null;
};

/**
 * Computes everything that a submission's history states in numbers anew: measurements and examinations from the stored records and cuts,
 * held-out measures from the stored results, scores from those, under the policies of their day. Nothing may differ, not by the last bit.
 */
export async function replay(history: readonly SubmissionEvent[], source: ReplaySource): Promise<readonly Replayed[]> {
  const replayed: Replayed[] = [];
  let state: SubmissionState = initialState;
  let scored: RunRecord | null = null;
  const aborted: Aborted[] = [];
  for (const [index, event] of history.entries()) {
    const add = (what: Replayed['what'], stated: object | null, computed: object | null) =>
      replayed.push({ index, what, stated, computed, isEqual: isDeepStrictEqual(stated, computed) });
    const pass = (what: Replayed['what'], stated: object) =>
      replayed.push({ index, what, stated, computed: null, isEqual: null });
    if (event.type === 'AttemptCompleted' && event.data.cuts !== null && state.phase !== 'absent') {
      const { run, files, policy } = await attemptOf(state, event.data, source);
      add('measurement', event.data.measurement, measure(files.record, files.facts));
      const rerunOf = run.purpose === 'rerun' ? scored : null;
      const { examination } = event.data;
      if (examination !== null && examination.version !== examinationVersion) pass('examination', examination);
      else add('examination', examination, examine(files.record, files.cuts, policy.policy.integrity, rerunOf));
      const earlier = aborted.filter(isOf(event.data)).map((attempt) => heldAgainst(files.record, attempt));
      if (earlier.length + event.data.earlierAttempts.length > 0)
        add('earlierAttempts', event.data.earlierAttempts, earlier);
      if (run.purpose === 'score') scored = files.record;
    }
    if (event.type === 'HeldOutMeasured') {
      add('heldOut', event.data.measurement, await source.heldOutOf(event.data));
    }
    if (event.type === 'AttemptAborted') {
      const committed = await source.committedIn(event.data);
      if (committed !== null) aborted.push({ ...committed, run: event.data.run, attempt: event.data.attempt });
    }
    if ((event.type === 'ScoreComputed' || event.type === 'ScoreRecomputed') && state.phase !== 'absent') {
      add('score', event.data.score, scoreOf(state, await source.policyOf(event.data.policyVersion)));
    }
    state = evolve(state, event);
  }
  return replayed;
}

type Aborted = PlacedCommitments & Committed & { readonly run: string };

function isOf({ run, platform }: SubmissionEventData<'AttemptCompleted'>) {
  return (aborted: Aborted) => aborted.run === run && aborted.platform === platform;
}

async function attemptOf(state: LivingState, data: SubmissionEventData<'AttemptCompleted'>, source: ReplaySource) {
  const run = findRun(state.runs, data.run);
  if (run === undefined)
    throw new Error(`the history completes an attempt of ${data.run}, a run that nobody asked for`);
  return { run, files: await source.filesOf(data), policy: await source.policyOf(run.policyVersion) };
}

function scoreOf(state: LivingState, policy: ActivePolicy): object | null {
  const scored = completeScore(state, policy);
  return isRejection(scored) || scored.kind === 'unscorable' ? null : scored.score;
}

import { type GateName, gateNames, type SubmissionEvent, type SubmissionEventData } from './events.ts';
import { evolveRuns, isConcluded } from './runs.ts';
import type { Hold, Life, LivingState, Original, Parkable, SubmissionState } from './state.ts';

/** Folds one fact into the state. Never decides, never throws: a fact that fits nothing leaves the state as it is. */
export function evolve(state: SubmissionState, event: SubmissionEvent): SubmissionState {
  if (event.type === 'SubmissionReceived') return state.phase === 'absent' ? received(event.data) : state;
  return state.phase === 'absent' ? state : evolveLiving(state, event);
}

function received(data: SubmissionEventData<'SubmissionReceived'>): SubmissionState {
  const { submissionId, hotkey, codeHash, bundle, receivedAt, epoch } = data;
  const identity = { submissionId, hotkey, codeHash, bundle, receivedAt, epoch };
  const life: Life = { identity, contract: null, runs: [], expiredHolds: 0, publishBlind: false, originals: [] };
  return { ...life, phase: 'gate', gate: 'contract', deferral: null, sketchVersion: null };
}

function evolveLiving(
  state: LivingState,
  event: Exclude<SubmissionEvent, { type: 'SubmissionReceived' }>,
): SubmissionState {
  const life = lifeOf(state);
  switch (event.type) {
    case 'ContractResolved':
      return afterGate({ ...life, contract: event.data.contract }, 'contract');
    case 'GatePassed':
    case 'GateSkipped':
      return afterGate(life, event.data.gate);
    case 'SubmissionReviewed':
    case 'SourceCompared':
      return state;
    case 'SourceSketched':
      return state.phase === 'gate' ? { ...state, sketchVersion: event.data.sketchVersion } : state;
    case 'GateDeferred': {
      const { gate, deferral, reason, retryAt } = event.data;
      const sketchVersion = state.phase === 'gate' ? state.sketchVersion : null;
      return { ...life, phase: 'gate', gate, deferral: { count: deferral, reason, retryAt }, sketchVersion };
    }
    case 'GateFailed': {
      const { gate, findings } = event.data;
      return { ...life, phase: 'rejecting', reason: 'gateFailed', gate, findings };
    }
    case 'SubmissionRejected':
      return { ...life, phase: 'rejected', reason: event.data.reason };
    case 'RunRequested':
      return { ...inPhase(state, state.phase === 'scoring' ? 'measuring' : null), runs: evolveRuns(life.runs, event) };
    case 'AttemptStarted':
      return { ...inPhase(state, state.phase === 'queued' ? 'measuring' : null), runs: evolveRuns(life.runs, event) };
    case 'AttemptCompleted':
    case 'HeldOutMeasured':
    case 'AttemptFailed':
    case 'AttemptAborted':
    case 'AttemptCancelled':
      return { ...state, runs: evolveRuns(life.runs, event) };
    case 'RunConcluded': {
      const runs = evolveRuns(life.runs, event);
      const isLast = state.phase === 'measuring' && runs.every(isConcluded);
      return isLast ? { ...life, runs, phase: 'scoring' } : { ...state, runs };
    }
    case 'ScoreComputed':
      return { ...life, phase: 'attributing', score: event.data.score };
    case 'AttributionDecided':
      return attributed(state, event.data);
    case 'SubmissionCompleted':
      return state.phase === 'completing' ? { ...life, phase: 'completed', score: state.score, voided: false } : state;
    case 'SubmissionFailed':
      return { ...life, phase: 'failed', reason: event.data.reason };
    case 'OriginalFound':
      return { ...state, originals: [...life.originals, originalOf(event.data)] };
    case 'SubmissionHeld':
      return held(state, event.data);
    case 'HoldResolved':
      return holdResolved(state, event.data);
    case 'HoldExpired':
      return holdExpired(state);
    case 'SubmissionWithdrawn':
      return { ...life, phase: 'rejecting', reason: 'withdrawn', gate: null, findings: [] };
    case 'ScoreVoided':
      return state.phase === 'completed' ? { ...state, voided: true } : state;
    case 'ScoreRecomputed':
      return state.phase === 'completed' ? { ...state, score: event.data.score } : state;
  }
}

function lifeOf(state: LivingState): Life {
  const { identity, contract, runs, expiredHolds, publishBlind, originals } = state;
  return { identity, contract, runs, expiredHolds, publishBlind, originals };
}

function inPhase(state: LivingState, phase: 'measuring' | null): LivingState {
  return phase === null ? state : { ...lifeOf(state), phase };
}

/** Where a submission stands once `gate` lies behind it. */
export function afterGate(life: Life, gate: GateName): Extract<LivingState, { phase: 'gate' | 'queued' }> {
  const passed = { ...life, expiredHolds: 0 };
  const next = gateNames[gateNames.indexOf(gate) + 1];
  if (next === undefined) return { ...passed, phase: 'queued' };
  return { ...passed, phase: 'gate', gate: next, deferral: null, sketchVersion: null };
}

function attributed(state: LivingState, data: SubmissionEventData<'AttributionDecided'>): SubmissionState {
  if (state.phase !== 'attributing') return state;
  if (data.decision === 'reject') {
    return { ...lifeOf(state), phase: 'rejecting', reason: 'attribution', gate: null, findings: [] };
  }
  return { ...lifeOf(state), phase: 'completing', score: state.score };
}

export function isParkable(state: LivingState): state is Parkable {
  const { phase } = state;
  return (
    phase !== 'held' && phase !== 'completing' && phase !== 'rejecting' && phase !== 'failed' && phase !== 'rejected'
  );
}

function originalOf({ original, exact, similarity, holdSeconds }: SubmissionEventData<'OriginalFound'>): Original {
  const alike = exact ? 'has the same source' : `has ${(similarity * 100).toFixed(1)} % of its source in common`;
  const reason = `Submission ${original}, which was received earlier, ${alike}.`;
  return { submissionId: original, reason, holdSeconds, isDecided: false };
}

/** Whether a hold is a gate's own question. One for an original that others found, or by an operator, isn't, whatever its source. */
export function isAskedBy(
  gate: GateName | null,
  { source, copyOf, operator }: Pick<SubmissionEventData<'SubmissionHeld'>, 'source' | 'copyOf' | 'operator'>,
): boolean {
  return gate === source && copyOf === null && operator === null;
}

function held(state: LivingState, data: SubmissionEventData<'SubmissionHeld'>): SubmissionState {
  if (!isParkable(state)) return state;
  const { holdId, source, reason, expiresAt, copyOf } = data;
  // A hold that a gate asked for answers that gate's question: a release goes on behind it, an expiry asks it again.
  const onRelease =
    state.phase === 'gate' && isAskedBy(state.gate, data) ? afterGate(lifeOf(state), state.gate) : state;
  const hold: Hold = { holdId, source, reason, expiresAt, copyOf, onRelease, onExpiry: state };
  return { ...lifeOf(state), phase: 'held', hold };
}

function holdResolved(state: LivingState, data: SubmissionEventData<'HoldResolved'>): SubmissionState {
  if (state.phase !== 'held') return state;
  if (data.resolution === 'reject') {
    return { ...lifeOf(state), phase: 'rejecting', reason: 'holdRejected', gate: null, findings: [] };
  }
  const { onRelease, source, copyOf } = state.hold;
  const publishBlind = state.publishBlind || source === 'integrity';
  const originals = state.originals.map((each) => (each.submissionId === copyOf ? { ...each, isDecided: true } : each));
  return { ...onRelease, expiredHolds: 0, publishBlind, originals };
}

function holdExpired(state: LivingState): SubmissionState {
  if (state.phase !== 'held') return state;
  const expiredHolds = state.expiredHolds + 1;
  if (expiredHolds === 1) return { ...state.hold.onExpiry, expiredHolds, originals: state.originals };
  return { ...lifeOf(state), expiredHolds, phase: 'rejecting', reason: 'holdExpired', gate: null, findings: [] };
}

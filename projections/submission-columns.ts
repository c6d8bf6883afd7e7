import {
  type Finding,
  type GateName,
  gateNames,
  type SubmissionEvent,
  type SubmissionEventData,
} from '../domain/submission/events.ts';
import { isAskedBy } from '../domain/submission/evolve.ts';
import type { PublicStatus } from '../domain/submission/state.ts';

/** What each event changes in the row of its submission (`submissions.ts`), beside status, place and time. Pure. */

export type ColumnValue = string | number | null;
export type Columns = Readonly<Record<string, ColumnValue>>;

/** What a fold has to know of a row before it can change it. */
export type Known = {
  readonly status: PublicStatus;
  readonly parked: PublicStatus | null;
  readonly expiredHolds: number;
  readonly attempts: number;
  readonly scoreRun: string | null;
  readonly gate: GateName | null;
  /** Whether the hold in force is the gate's own question. */
  readonly holdIsAsked: number | null;
};

/** Whether an event changes no status and needs nothing from the row: most do, and a rebuild saves a read for each. */
export function standsApart({ type }: SubmissionEvent): boolean {
  switch (type) {
    case 'ContractResolved':
    case 'GatePassed':
    case 'GateSkipped':
    case 'GateDeferred':
    case 'SourceSketched':
    case 'SourceCompared':
    case 'SubmissionReviewed':
    case 'OriginalFound':
    case 'RunRequested':
    case 'RunConcluded':
    case 'ScoreComputed':
    case 'ScoreRecomputed':
      return true;
    default:
      return false;
  }
}

const noReason: Columns = { reason_code: null, reason_message: null, reason_where: null };
const noDeferral: Columns = { deferrals: null, retry_at: null };
const noHold: Columns = {
  ...{ hold_id: null, hold_source: null, hold_reason: null, hold_expires_at: null },
  hold_is_asked: null,
};

/** The columns that an event changes, beside status and place. */
export function columnsAfter(event: SubmissionEvent, known: Known | null): Columns {
  switch (event.type) {
    case 'SubmissionReceived':
      return receiptColumns(event.data);
    case 'ContractResolved':
      return { gate: gateAfter('contract'), policy_version: event.data.policyVersion, ...noDeferral, ...noReason };
    case 'GatePassed':
    case 'GateSkipped':
      return { gate: gateAfter(event.data.gate), policy_version: event.data.policyVersion, ...noDeferral, ...noReason };
    case 'GateDeferred':
      return deferralColumns(event.data);
    case 'GateFailed':
      return failedGateColumns(event.data.gate, event.data.findings, event.data.policyVersion);
    case 'SubmissionRejected':
      return { reason_code: event.data.reason, reason_message: event.data.message, ...noHold, ...noDeferral };
    case 'SubmissionFailed':
      return { reason_code: event.data.reason, reason_message: event.data.message, reason_where: event.data.where };
    case 'SubmissionHeld':
      return holdColumns(event.data, known?.gate ?? null);
    case 'HoldResolved':
      return { ...noHold, gate: event.data.resolution === 'release' ? gateAfterRelease(known) : (known?.gate ?? null) };
    case 'HoldExpired':
      return noHold;
    case 'ScoreVoided':
      return { voided: 1, reason_code: 'voided', reason_message: event.data.reason, reason_where: null };
    case 'ScoreComputed':
    case 'ScoreRecomputed':
      return scoreColumns(event.data);
    case 'AttributionDecided':
    case 'SubmissionCompleted':
    case 'SubmissionWithdrawn':
    case 'SubmissionReviewed':
    case 'SourceSketched':
    case 'SourceCompared':
    case 'OriginalFound':
      return {};
    default:
      return runColumns(event, known);
  }
}

/** The gate that comes behind another; null behind the last. */
function gateAfter(gate: GateName): GateName | null {
  return gateNames[gateNames.indexOf(gate) + 1] ?? null;
}

/** A hold that a gate asked for answers that gate's question (`evolve`): a release goes on behind it. */
function gateAfterRelease(known: Known | null): GateName | null {
  const gate = known?.gate ?? null;
  return gate !== null && known?.holdIsAsked === 1 ? gateAfter(gate) : gate;
}

function receiptColumns(data: SubmissionEventData<'SubmissionReceived'>): Columns {
  const { hotkey, epoch, filename, codeHash, receivedAt, policyVersion } = data;
  return {
    hotkey,
    epoch,
    filename,
    code_hash: codeHash,
    received_at: receivedAt,
    policy_version: policyVersion,
    gate: gateNames[0],
  };
}

function deferralColumns({ gate, reason, deferral, retryAt }: SubmissionEventData<'GateDeferred'>): Columns {
  const reasonMessage = `The ${gate} gate can't be asked now, which is no verdict; it is asked again.`;
  return { gate, deferrals: deferral, retry_at: retryAt, reason_code: reason, reason_message: reasonMessage };
}

function failedGateColumns(gate: string, findings: readonly Finding[], policyVersion: number): Columns {
  const [first] = findings;
  return {
    gate,
    policy_version: policyVersion,
    ...noDeferral,
    reason_code: 'gateFailed',
    reason_message: first?.explanation ?? `The ${gate} gate failed.`,
    findings: JSON.stringify(findings),
  };
}

function holdColumns(held: SubmissionEventData<'SubmissionHeld'>, gate: GateName | null): Columns {
  const { holdId, source, reason, expiresAt } = held;
  return {
    ...{ hold_id: holdId, hold_source: source, hold_reason: reason, hold_expires_at: expiresAt },
    hold_is_asked: Number(isAskedBy(gate, held)),
  };
}

function scoreColumns({ score, policyVersion }: SubmissionEventData<'ScoreComputed'>): Columns {
  return {
    policy_version: policyVersion,
    bits_per_byte: score.bitsPerByte,
    standard_error_bpb: score.standardErrorBpb,
    blind_bpb: score.blindBpb,
    blind_standard_error_bpb: score.blindStandardErrorBpb,
    confirmation: score.confirmation,
    counted_bpb: score.countedBpb,
    undetected_bpb: score.undetectedBpb,
    baseline_bpb: score.baselineBpb,
    source_bpb: score.sourceBpb,
    charged_bpb: score.chargedBpb,
    base: score.base,
    held_out: score.heldOut,
    held_out_bpb: score.heldOutBpb,
    delta_bpb: score.deltaBpb,
    delta_standard_error_bpb: score.deltaStandardErrorBpb,
    gap_bpb: score.gapBpb,
    gap_standard_error_bpb: score.gapStandardErrorBpb,
    penalty: score.penalty,
    tie_break: score.tieBreak,
    multiplier: score.multiplier,
    final_score: score.finalScore,
    implausible: score.implausible ? 1 : 0,
  };
}

type RunEvent = Extract<SubmissionEvent, { data: { run: string } }>;

function runColumns(event: RunEvent, known: Known | null): Columns {
  const { run } = event.data;
  switch (event.type) {
    case 'RunRequested': {
      const requested = { run, run_purpose: event.data.purpose, attempt: null, attempt_state: 'waiting' };
      return event.data.purpose === 'score' ? { ...requested, score_run: run } : requested;
    }
    case 'AttemptStarted':
      return { ...startedColumns(event.data), attempts: (known?.attempts ?? 0) + 1 };
    case 'AttemptCompleted': {
      const ended = { run, attempt: event.data.attempt, attempt_state: 'completed', deadline_at: null };
      return run === known?.scoreRun ? { ...ended, ...recordColumns(event.data) } : ended;
    }
    case 'HeldOutMeasured':
      return { run, attempt: event.data.attempt, attempt_state: 'completed', deadline_at: null };
    case 'AttemptFailed':
      return { run, attempt: event.data.attempt, attempt_state: 'failed', deadline_at: null };
    case 'RunConcluded':
      return event.data.verdict === null ? {} : { rerun_verdict: event.data.verdict };
    case 'AttemptAborted':
      return { attempt_state: 'aborted', deadline_at: null, ...attemptReason(event.data.reason, event.data.message) };
    case 'AttemptCancelled':
      return { attempt_state: 'cancelled', deadline_at: null, ...attemptReason('cancelled', event.data.reason) };
    default:
      return {};
  }
}

function attemptReason(code: string, message: string): Columns {
  return { reason_code: code, reason_message: message, reason_where: null };
}

function startedColumns(data: SubmissionEventData<'AttemptStarted'>): Columns {
  return {
    run: data.run,
    attempt: data.attempt,
    attempt_state: 'running',
    device_class: data.deviceClass,
    slot: data.slot,
    deadline_at: data.deadlineAt,
    ...noReason,
  };
}

function recordColumns(completed: SubmissionEventData<'AttemptCompleted'>): Columns {
  const { record, cuts, manifest, measurement, state, seedAudit } = completed;
  return {
    record_sha256: record.sha256,
    cuts_sha256: cuts?.sha256 ?? null,
    manifest_sha256: manifest.sha256,
    state_sha256: state?.sha256 ?? null,
    seed_audit: seedAudit === null ? null : JSON.stringify(seedAudit),
    covered_bytes: measurement.coveredBytes,
    stream_bytes: measurement.streamBytes,
  };
}

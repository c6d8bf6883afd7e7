import { z } from 'zod';
import type { RerunVerdict } from '../domain/integrity/rerun.ts';
import type { HeldOutOutcome } from '../domain/scoring/held-out.ts';
import {
  type Confirmation,
  type Finding,
  findingSchema,
  type Score,
  type SeedAudit,
  seedAuditSchema,
} from '../domain/submission/events.ts';
import type { PublicStatus } from '../domain/submission/state.ts';

/** A row of `submissions` as SQLite gives it. */
export type SubmissionRow = {
  readonly submission_id: string;
  readonly hotkey: string;
  readonly epoch: number;
  readonly filename: string;
  readonly code_hash: string;
  readonly received_at: string;
  readonly policy_version: number;
  readonly status: PublicStatus;
  readonly gate: string | null;
  readonly deferrals: number | null;
  readonly retry_at: string | null;
  readonly reason_code: string | null;
  readonly reason_message: string | null;
  readonly reason_where: string | null;
  readonly findings: string | null;
  readonly hold_id: string | null;
  readonly hold_source: string | null;
  readonly hold_reason: string | null;
  readonly hold_expires_at: string | null;
  readonly run: string | null;
  readonly run_purpose: string | null;
  readonly attempt: number | null;
  readonly attempt_state: string | null;
  readonly device_class: string | null;
  readonly slot: string | null;
  readonly deadline_at: string | null;
  readonly attempts: number;
  readonly record_sha256: string | null;
  readonly cuts_sha256: string | null;
  readonly rerun_verdict: RerunVerdict | null;
  readonly manifest_sha256: string | null;
  readonly state_sha256: string | null;
  readonly seed_audit: string | null;
  readonly covered_bytes: number | null;
  readonly stream_bytes: number | null;
  readonly bits_per_byte: number | null;
  readonly standard_error_bpb: number | null;
  readonly blind_bpb: number | null;
  readonly blind_standard_error_bpb: number | null;
  readonly confirmation: Confirmation | null;
  readonly counted_bpb: number | null;
  readonly undetected_bpb: number | null;
  readonly baseline_bpb: number | null;
  readonly source_bpb: number | null;
  readonly charged_bpb: number | null;
  readonly base: number | null;
  readonly held_out: HeldOutOutcome['kind'] | null;
  readonly held_out_bpb: number | null;
  readonly delta_bpb: number | null;
  readonly delta_standard_error_bpb: number | null;
  readonly gap_bpb: number | null;
  readonly gap_standard_error_bpb: number | null;
  readonly penalty: number | null;
  readonly tie_break: number | null;
  readonly multiplier: number | null;
  readonly final_score: number | null;
  readonly implausible: number | null;
  readonly voided: number;
  readonly position: number;
  readonly updated_at: string;
};

export type SubmissionScore = Score & { readonly isVoided: boolean };

/** What there is to know about a submission. Times are ISO 8601 UTC. */
export type SubmissionView = {
  readonly id: string;
  readonly hotkey: string;
  readonly epoch: number;
  readonly filename: string;
  readonly codeHash: string;
  readonly receivedAt: string;
  /** Policy under which it was last judged. */
  readonly policyVersion: number;
  readonly status: PublicStatus;
  /** Why it stands where it stands, as a code and a sentence; null where there is nothing to explain. */
  readonly reason: {
    readonly code: string;
    readonly message: string;
    readonly where: string | null;
    readonly findings: readonly Finding[];
  } | null;
  /** The gate it stands at, or failed at; null behind the last. */
  readonly gate: { readonly name: string; readonly deferrals: number; readonly retryAt: string | null } | null;
  readonly hold: { readonly id: string; readonly source: string; readonly expiresAt: string | null } | null;
  readonly run: {
    readonly run: string;
    readonly purpose: string | null;
    readonly attempt: number | null;
    readonly state: string | null;
    readonly deviceClass: string | null;
    readonly slot: string | null;
    readonly deadlineAt: string | null;
  } | null;
  /** Attempts of all runs so far. */
  readonly attempts: number;
  readonly recordDigest: string | null;
  /** How the score run was examined. */
  readonly cutsDigest: string | null;
  /** Of the newest rerun. */
  readonly rerunVerdict: RerunVerdict | null;
  readonly manifestDigest: string | null;
  /** Of what the model held at the end of the score run. */
  readonly stateDigest: string | null;
  /** What of its model doesn't depend on the seed, as it claims. */
  readonly seedAudit: SeedAudit | null;
  readonly coveredBytes: number | null;
  readonly streamBytes: number | null;
  readonly score: SubmissionScore | null;
  readonly position: number;
  readonly updatedAt: string;
};

export function toSubmissionView(row: SubmissionRow): SubmissionView {
  return {
    id: row.submission_id,
    hotkey: row.hotkey,
    epoch: row.epoch,
    filename: row.filename,
    codeHash: row.code_hash,
    receivedAt: row.received_at,
    policyVersion: row.policy_version,
    status: row.status,
    reason: reasonOf(row),
    gate: row.gate === null ? null : { name: row.gate, deferrals: row.deferrals ?? 0, retryAt: row.retry_at },
    hold:
      row.hold_id === null ? null : { id: row.hold_id, source: row.hold_source ?? '', expiresAt: row.hold_expires_at },
    run: runOf(row),
    attempts: row.attempts,
    recordDigest: row.record_sha256,
    cutsDigest: row.cuts_sha256,
    rerunVerdict: row.rerun_verdict,
    manifestDigest: row.manifest_sha256,
    stateDigest: row.state_sha256,
    seedAudit: row.seed_audit === null ? null : seedAuditSchema.parse(JSON.parse(row.seed_audit)),
    coveredBytes: row.covered_bytes,
    streamBytes: row.stream_bytes,
    score: scoreOf(row),
    position: row.position,
    updatedAt: row.updated_at,
  };
}

/** A hold explains itself; it stands before whatever there was to explain. */
function reasonOf(row: SubmissionRow): SubmissionView['reason'] {
  const findings = row.findings === null ? [] : z.array(findingSchema).parse(JSON.parse(row.findings));
  if (row.hold_source !== null) {
    return { code: row.hold_source, message: row.hold_reason ?? '', where: null, findings };
  }
  if (row.reason_code === null) return null;
  return { code: row.reason_code, message: row.reason_message ?? '', where: row.reason_where, findings };
}

function runOf(row: SubmissionRow): SubmissionView['run'] {
  if (row.run === null) return null;
  return {
    run: row.run,
    purpose: row.run_purpose,
    attempt: row.attempt,
    state: row.attempt_state,
    deviceClass: row.device_class,
    slot: row.slot,
    deadlineAt: row.deadline_at,
  };
}

function scoreOf(row: SubmissionRow): SubmissionScore | null {
  if (row.final_score === null) return null;
  return {
    bitsPerByte: row.bits_per_byte ?? 0,
    standardErrorBpb: row.standard_error_bpb ?? 0,
    blindBpb: row.blind_bpb,
    blindStandardErrorBpb: row.blind_standard_error_bpb,
    confirmation: row.confirmation ?? 'unconfirmed',
    countedBpb: row.counted_bpb ?? 0,
    undetectedBpb: row.undetected_bpb,
    baselineBpb: row.baseline_bpb,
    sourceBpb: row.source_bpb ?? 0,
    chargedBpb: row.charged_bpb ?? 0,
    base: row.base ?? 0,
    heldOut: row.held_out ?? 'off',
    heldOutBpb: row.held_out_bpb,
    deltaBpb: row.delta_bpb,
    deltaStandardErrorBpb: row.delta_standard_error_bpb,
    gapBpb: row.gap_bpb,
    gapStandardErrorBpb: row.gap_standard_error_bpb,
    penalty: row.penalty ?? 0,
    tieBreak: row.tie_break ?? 0,
    multiplier: row.multiplier ?? 0,
    finalScore: row.final_score,
    implausible: row.implausible === 1,
    isVoided: row.voided === 1,
  };
}

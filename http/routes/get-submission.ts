import type { RouterMiddleware } from '@koa/router';
import type { Heartbeat, Heartbeats } from '../../domain/ports/heartbeats.ts';
import type { Finding } from '../../domain/submission/events.ts';
import type { QueueQueries } from '../../projections/due-submissions.ts';
import type { SubmissionView } from '../../projections/submission-view.ts';
import type { SubmissionQueries } from '../../projections/submissions.ts';
import { certaintyBody } from '../certainty-body.ts';
import { heldOutBody } from '../held-out-body.ts';
import { submissionIdFrom, unknownSubmission } from '../submission-id.ts';

export type GetSubmissionDependencies = {
  readonly submissions: SubmissionQueries;
  readonly queue: QueueQueries;
  readonly heartbeats: Pick<Heartbeats, 'newest'>;
  /** Resolves once the read models have seen what the log holds now, or after a bounded time. */
  readonly caughtUp: () => Promise<unknown>;
};

/**
 * `GET /v1/submissions/{id}`: how it stands. One that the read model doesn't know may have been received a moment ago: it waits for
 * the projector, once and bounded, before it answers 404.
 */
export function getSubmission(deps: GetSubmissionDependencies): RouterMiddleware {
  return async (ctx) => {
    const id = submissionIdFrom(ctx);
    const view = deps.submissions.byId(id) ?? (await deps.caughtUp().then(() => deps.submissions.byId(id)));
    if (view === null) throw unknownSubmission();
    ctx.body = toBody(view, deps.queue.placeInQueue(id), deps.heartbeats.newest(id));
  };
}

function toBody(view: SubmissionView, placeInQueue: number | null, heartbeat: Heartbeat | null) {
  const { score } = view;
  const counts = score === null || score.isVoided ? null : score;
  const hasEndedBadly = view.status === 'failed' || view.status === 'rejected';
  return {
    id: view.id,
    hotkey: view.hotkey,
    epoch_id: view.epoch,
    status: view.status,
    code_hash: view.codeHash,
    created_at: view.receivedAt,
    error: hasEndedBadly ? (view.reason?.message ?? null) : null,
    final_score: counts?.finalScore ?? null,
    q_arch: null,
    q_recipe: null,
    anti_cheat_multiplier: counts?.multiplier ?? null,
    diversity_bonus: null,
    penalty: counts?.penalty ?? null,
    filename: view.filename,
    updated_at: view.updatedAt,
    policy_version: view.policyVersion,
    reason: view.reason === null ? null : { ...view.reason, findings: view.reason.findings.map(toFinding) },
    gate: gateBody(view),
    hold: view.hold === null ? null : { id: view.hold.id, source: view.hold.source, expires_at: view.hold.expiresAt },
    run: runBody(view),
    progress: progressBody(view, heartbeat),
    attempts: view.attempts,
    place_in_queue: placeInQueue,
    record_digest: view.recordDigest,
    cuts_digest: view.cutsDigest,
    rerun_verdict: view.rerunVerdict,
    manifest_digest: view.manifestDigest,
    state_digest: view.stateDigest,
    seed_audit: seedAuditBody(view),
    covered_bytes: view.coveredBytes,
    stream_bytes: view.streamBytes,
    score: scoreBody(view),
    position: view.position,
    links: { self: `/v1/submissions/${view.id}`, events: `/v1/submissions/${view.id}/events` },
  };
}

function toFinding({ excerptHash, ...finding }: Finding) {
  return { ...finding, excerpt_hash: excerptHash };
}

function gateBody({ gate }: SubmissionView) {
  return gate === null ? null : { name: gate.name, deferrals: gate.deferrals, retry_at: gate.retryAt };
}

function runBody({ run }: SubmissionView) {
  if (run === null) return null;
  return {
    run: run.run,
    purpose: run.purpose,
    attempt: run.attempt,
    state: run.state,
    device_class: run.deviceClass,
    slot: run.slot,
    deadline_at: run.deadlineAt,
  };
}

/** A sign of life counts for the attempt that gave it, while it runs. `covered`: share of the stream, 0 … 1. */
function progressBody({ run }: SubmissionView, beat: Heartbeat | null) {
  const isOfThisAttempt = run?.state === 'running' && beat?.run === run.run && beat.attempt === run.attempt;
  return isOfThisAttempt ? { at: beat.at, phase: beat.phase, covered: beat.progress } : null;
}

function seedAuditBody({ seedAudit }: SubmissionView) {
  if (seedAudit === null) return null;
  const { elements, invariantElements, informationBytes } = seedAudit;
  return { elements, invariant_elements: invariantElements, information_bytes: informationBytes };
}

function scoreBody({ score }: SubmissionView) {
  if (score === null) return null;
  return {
    ...certaintyBody(score),
    source_bpb: score.sourceBpb,
    charged_bpb: score.chargedBpb,
    base: score.base,
    held_out: heldOutBody(score),
    penalty: score.penalty,
    tie_break: score.tieBreak,
    multiplier: score.multiplier,
    final_score: score.finalScore,
    implausible: score.implausible,
    voided: score.isVoided,
  };
}

import type { HoldView } from '../projections/holds.ts';

/** A hold as operators see it. */
export function holdBody(hold: HoldView) {
  return {
    id: hold.id,
    submission_id: hold.submissionId,
    source: hold.source,
    reason: hold.reason,
    state: hold.state,
    held_at: hold.heldAt,
    expires_at: hold.expiresAt,
    operator: hold.operator,
    decision_reason: hold.decisionReason,
    ended_at: hold.endedAt,
  };
}

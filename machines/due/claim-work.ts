import { type ClaimCommand, type ClaimEvent, type ClaimState, claimStream } from '../../domain/claim/claim.ts';
import type { CommandHandler } from '../../domain/handle-command.ts';
import { deriveId } from '../../domain/ids.ts';
import { isRejection } from '../../domain/rejection.ts';
import type { GateName } from '../../domain/submission/events.ts';
import type { Due } from './performer.ts';

export type ClaimHandler = CommandHandler<ClaimState, ClaimCommand, ClaimEvent>;

/** Longer than a gate works; so long waits what an instance left undone that never came back under its name. */
const claimSeconds = 120;
const slowClaimSeconds: Partial<Record<GateName, number>> = { parameters: 900, llm: 600 };

/**
 * Claims what is due for `owner`, by an event that only one instance can append; true if it is his. A restarted instance of the same name goes on with what it
 * had claimed.
 */
export function workClaims(deps: {
  readonly claims: ClaimHandler;
  readonly owner: string;
  readonly clock: () => Date;
}): (due: Due) => Promise<boolean> {
  const { claims, owner, clock } = deps;
  return async ({ state, lastEventId, revision }) => {
    const { submissionId } = state.identity;
    const at = clock();
    const now = at.toISOString();
    const seconds = (state.phase === 'gate' ? slowClaimSeconds[state.gate] : undefined) ?? claimSeconds;
    const until = new Date(at.getTime() + seconds * 1_000).toISOString();
    const claimed = await claims.handle(
      claimStream(submissionId),
      { kind: 'ClaimWork', revision, owner, now, until },
      {
        causeId: deriveId('claim', lastEventId, owner, now),
        causedBy: lastEventId,
        correlationId: submissionId,
        at: now,
      },
    );
    return !isRejection(claimed);
  };
}

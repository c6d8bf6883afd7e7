import { z } from 'zod';
import type { Aggregate, Decision } from '../aggregate.ts';
import { refuse } from '../rejection.ts';
import { countSchema, instantSchema } from '../values.ts';

/**
 * Who does the work that is due in a submission, where several instances look after one log. An outcome is recorded once whoever
 * finds it; a claim keeps the effect itself, a container or a paid review, from being caused twice.
 *
 * A claim ends by itself: its owner may be gone, and nobody has to release what the submission has moved on from.
 */
export const claimEventSchemas = {
  WorkClaimed: z.strictObject({
    /** Revision of the submission's event that made the work due: it names the work, and rises. */
    revision: countSchema,
    owner: z.string(),
    until: instantSchema,
  }),
};

export type ClaimEvent = {
  readonly type: 'WorkClaimed';
  readonly data: z.infer<(typeof claimEventSchemas)['WorkClaimed']>;
};
/** The newest claim; null before the first. */
export type ClaimState = ClaimEvent['data'] | null;

export type ClaimCommand = {
  readonly kind: 'ClaimWork';
  readonly revision: number;
  readonly owner: string;
  readonly now: string;
  readonly until: string;
};

export function claimStream(submissionId: string): string {
  return `claim-${submissionId}`;
}

function decide(state: ClaimState, { revision, owner, now, until }: ClaimCommand): Decision<ClaimEvent> {
  if (state !== null && state.revision > revision) return refuse('tooLate', 'The submission has moved on.');
  if (state?.revision === revision && state.until > now) {
    return state.owner === owner ? [] : refuse('claimed', `${state.owner} has claimed it until ${state.until}.`);
  }
  return [{ type: 'WorkClaimed', data: { revision, owner, until } }];
}

export const claimAggregate: Aggregate<ClaimState, ClaimCommand, ClaimEvent> = {
  name: 'claim',
  initialState: null,
  evolve: (_state, event) => event.data,
  decide,
};

import type { RunRecord } from './record.ts';

/** How far an attempt answered as one of the same run did that had ended by our fault, on the same platform. */
export type EarlierAttempt = {
  readonly attempt: number;
  /** Groups that both have: what was committed to until the earlier one ended. */
  readonly groupsCompared: number;
  readonly groupsEqual: number;
  /** Null where all are equal. */
  readonly firstDifferingGroup: number | null;
};

/** Hashes of logits that an attempt has committed to, in the order of the record's groups. */
export type Committed = { readonly attempt: number; readonly logits: readonly string[] };

/**
 * Holds a record against what an attempt before it had committed to. The attempts of a run share seed, stream and cuts, so a model that
 * reproduces itself answers alike. One that doesn't is no more to blame for our fault than it was; but what it drew anew is a second draw.
 */
export function heldAgainst({ groups }: Pick<RunRecord, 'groups'>, { attempt, logits }: Committed): EarlierAttempt {
  const groupsCompared = Math.min(groups.length, logits.length);
  const equal = logits.slice(0, groupsCompared).map((digest, index) => digest === groups[index]?.logits);
  const first = equal.indexOf(false);
  return {
    attempt,
    groupsCompared,
    groupsEqual: equal.filter(Boolean).length,
    firstDifferingGroup: first < 0 ? null : first,
  };
}

import type { GroupRecord, RunRecord } from './record.ts';

export const rerunVerdicts = ['confirmed', 'contradicted', 'nonReproducible'] as const;
/**
 * `confirmed`: every position that the run claimed was covered again, with the same logits, and no cut spoke against it.
 * `contradicted`: the model doesn't answer blind as it claims, or the rerun ended on the contestant's side.
 * `nonReproducible`: other logits, or fewer positions. It accuses nobody, and confirms nothing.
 */
export type RerunVerdict = (typeof rerunVerdicts)[number];

/** How far a rerun's true frames are those of the run. */
export type Reproduction = {
  readonly groupsCompared: number;
  readonly groupsEqual: number;
  /** Index of the first group that differs or wasn't reached; null where all are equal. */
  readonly firstDifferingGroup: number | null;
  /** Positions of the run's last group, where the clock closed it early and the rerun went on: no hash speaks for them. */
  readonly unprovenPositions: number;
};

/**
 * Compares the records of a run and its rerun group by group: size, cost and the hash of the logits. The run's claims were committed to before
 * anybody knew the rerun's cuts. Only records of one platform fingerprint may be compared.
 */
export function reproduction(run: RunRecord, rerun: RunRecord): Reproduction {
  const last = run.groups.length - 1;
  const unprovenPositions = grown(run.groups[last], rerun.groups[last]) ? (run.groups[last]?.positions ?? 0) : 0;
  const claimed = unprovenPositions > 0 ? run.groups.slice(0, -1) : run.groups;
  const equal = claimed.map((group, index) => isSame(group, rerun.groups[index]));
  const first = equal.indexOf(false);
  return {
    groupsCompared: Math.min(claimed.length, rerun.groups.length),
    groupsEqual: equal.filter(Boolean).length,
    firstDifferingGroup: first < 0 ? null : first,
    unprovenPositions,
  };
}

function isSame(group: GroupRecord, other: GroupRecord | undefined): boolean {
  return group.logits === other?.logits && group.positions === other.positions && group.microNats === other.microNats;
}

/** A group that was cut short holds fewer positions than the same one of a run that went on. */
function grown(group: GroupRecord | undefined, other: GroupRecord | undefined): boolean {
  return group !== undefined && other !== undefined && group.positions < other.positions;
}

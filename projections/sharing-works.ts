/** A work that shares keys with the one that is asked about, known by the position of its receipt. */
export type SharingWork = {
  readonly position: number;
  /** Of the same hotkey. */
  readonly isOwn: boolean;
  /** How many keys both have. */
  keys: number;
  /** Each of them counts the more the fewer works of other hotkeys have it. */
  rarity: number;
};

type Reading = {
  readonly withKey: (key: number) => readonly number[];
  readonly isOwn: (position: number) => boolean;
};

/** All works but the one at `asking` that have any of the keys. */
export function sharingWorks(
  asking: number,
  keys: readonly number[],
  { withKey, isOwn }: Reading,
): readonly SharingWork[] {
  const works = new Map<number, SharingWork>();
  const workAt = (position: number): SharingWork => {
    const known = works.get(position) ?? { position, isOwn: isOwn(position), keys: 0, rarity: 0 };
    works.set(position, known);
    return known;
  };
  for (const key of keys) {
    const sharing = withKey(key)
      .filter((position) => position !== asking)
      .map(workAt);
    const foreign = sharing.filter((work) => !work.isOwn).length;
    for (const work of sharing) {
      work.keys += 1;
      work.rarity += 1 / (1 + foreign);
    }
  }
  return [...works.values()];
}

/**
 * Positions of the works that a verdict may follow from: at most `limit` of other hotkeys that were received earlier, as many that were received later, and as many of
 * the same hotkey that came before one of those. Each has places of its own, so that neither whoever hands in much nor a crowd that comes later takes those of an original.
 */
export function worthComparing(asking: number, works: readonly SharingWork[], limit: number): readonly number[] {
  const foreign = works.filter(({ isOwn }) => !isOwn);
  const earlier = mostAlike(
    foreign.filter(({ position }) => position < asking),
    limit,
  );
  const later = mostAlike(
    foreign.filter(({ position }) => position > asking),
    limit,
  );
  const latest = Math.max(...earlier);
  const ownBefore = mostAlike(
    works.filter(({ isOwn, position }) => isOwn && position < latest),
    limit,
  );
  return [...earlier, ...later, ...ownBefore];
}

/**
 * Half of them by how many keys they share, the others by how rare those are. What shares more keys with a copy than its original does is a copy itself; and where a copy
 * is padded with what many have, its original's keys are the rare ones.
 */
function mostAlike(works: readonly SharingWork[], limit: number): readonly number[] {
  const byKeys = works.toSorted((left, right) => right.keys - left.keys || rarestFirst(left, right));
  const most = byKeys.slice(0, Math.ceil(limit / 2));
  const chosen = new Set([...most, ...works.toSorted(rarestFirst)]);
  return [...chosen].slice(0, limit).map(({ position }) => position);
}

function rarestFirst(left: SharingWork, right: SharingWork): number {
  return right.rarity - left.rarity || left.position - right.position;
}

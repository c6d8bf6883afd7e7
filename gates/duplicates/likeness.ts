import type { IndexedWork } from '../../domain/ports/source-index.ts';
import type { Likeness } from '../../domain/submission/events.ts';
import type { Examples } from './examples.ts';
import { knownUpTo, overlap, type ShingleSet, type Work, wholeOf, without } from './shingle-set.ts';

/** A work with the sets that it is compared by, without what the examples have too. */
export type ComparedWork = IndexedWork & {
  readonly sets: Readonly<Record<Compared, { readonly values: ShingleSet; readonly known: number }>>;
};

/** Fewer shingles than this in both together say nothing of who wrote them; an equal source says it whatever its size. */
export const leastInBoth = 32;
/** To be contained in a larger work means something from here on. */
const leastContained = 128;

type Compared = Likeness['compared'];
export type Alike = Omit<Likeness, 'submissionId' | 'received'>;

export function comparedWork(indexed: IndexedWork, work: Work, { shingles }: Examples): ComparedWork {
  const setOf = (set: ShingleSet) => ({ values: without(set, shingles), known: knownUpTo(set) });
  let whole: ReturnType<typeof setOf> | null = null;
  const sets = {
    architecture: setOf(work.architecture),
    training: setOf(work.training),
    // Most works are alone, and nobody asks for it.
    get whole() {
      whole ??= setOf(wholeOf(work));
      return whole;
    },
  };
  return { ...indexed, sets };
}

/**
 * What the later of two works claims and the earlier one claimed too, by the kind that each declares; null where that is nothing: whoever trains a known
 * architecture doesn't claim it.
 */
export function claimed(earlier: IndexedWork, later: IndexedWork): Compared | null {
  if (later.kind === 'architecture_only') return earlier.kind === 'training_for_arch' ? null : 'architecture';
  if (later.kind === 'training_for_arch') return earlier.kind === 'architecture_only' ? null : 'training';
  return 'whole';
}

/** How alike two works are. What the examples have too isn't counted, and an example's source is equal to nobody's. */
export function alike(earlier: ComparedWork, later: ComparedWork, compared: Compared, examples: Examples): Alike {
  const exact = isExact(earlier, later, compared, examples);
  if (earlier.sketchVersion !== later.sketchVersion) {
    return { compared, exact, similarity: exact ? 1 : 0, contained: exact ? 1 : 0 };
  }
  const [left, right] = [earlier.sets[compared], later.sets[compared]];
  const sizes = overlap(left.values, right.values, Math.min(left.known, right.known));
  const both = sizes.left + sizes.right - sizes.common;
  return {
    compared,
    exact,
    similarity: both < leastInBoth ? Number(exact) : rounded(sizes.common / both),
    contained: sizes.left < leastContained ? Number(exact) : rounded(sizes.common / sizes.left),
  };
}

function isExact(earlier: IndexedWork, later: IndexedWork, compared: Compared, { fingerprints }: Examples): boolean {
  const roles = compared === 'whole' ? (['architecture', 'training'] as const) : [compared];
  const isEqual = roles.every((role) => fingerprintOf(earlier, role) === fingerprintOf(later, role));
  return isEqual && roles.some((role) => !fingerprints.has(fingerprintOf(later, role)));
}

function fingerprintOf(work: IndexedWork, role: 'architecture' | 'training'): string {
  return role === 'architecture' ? work.architectureFingerprint : work.trainingFingerprint;
}

function rounded(share: number): number {
  return Math.round(share * 1e4) / 1e4;
}

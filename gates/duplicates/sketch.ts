import { hash } from 'node:crypto';
import { type ResolvedContract, sketchKeysLimit } from '../../domain/submission/events.ts';
import { type ShingleSet, shingleSet, type Work, without } from './shingle-set.ts';

/** Changes whenever the same source may get other keys or sets; works sketched by different versions are compared by exact digests alone. */
export const sketchVersion = 'sketch/3';

/**
 * A work is found by any of its keys: digests of its canonical source, so that an equal one is always found; bands of MinHash values of each role
 * (Broder 1997; Leskovec, Rajaraman, Ullman, "Mining of Massive Datasets", ch. 3), by which one that has the share s of its shingles in common is found with
 * a probability of 1 − (1 − s⁴)³²: 0.998 at 0.65, 0.87 at 0.5; and every function or class of 24 shingles or more, so that whatever is put around it hides
 * nothing. What the examples have too is left out before. At most `sketchKeysLimit` keys, which disjoint definitions of two roles of 20,000 shingles don't reach.
 */
const bands = 32;
const rows = 4;
const leastValues = 8;
const leastOfDefinition = 24;

export function sketchKeys(
  contract: ResolvedContract,
  work: Work,
  definitions: readonly ArrayLike<number>[],
  examples: ReadonlySet<number>,
): readonly string[] {
  const { architecture, training } = contract;
  const own = (set: ShingleSet) => without(set, examples);
  return [
    ...new Set([
      exactKey(`whole ${architecture.fingerprint} ${training.fingerprint}`),
      exactKey(`architecture ${architecture.fingerprint}`),
      exactKey(`training ${training.fingerprint}`),
      ...bandKeys(own(work.architecture)),
      ...bandKeys(own(work.training)),
      ...definitionKeys(definitions.filter(isLarge).map((values) => own(shingleSet(values)))),
    ]),
  ].slice(0, sketchKeysLimit);
}

function definitionKeys(sets: readonly ShingleSet[]): readonly string[] {
  return sets.filter(isLarge).map((set) => keyOf(bands, set));
}

function isLarge({ length }: ArrayLike<number>): boolean {
  return length >= leastOfDefinition;
}

function bandKeys(set: ShingleSet): readonly string[] {
  if (set.length < leastValues) return [];
  const smallest = minHash(set);
  return Array.from({ length: bands }, (_, band) => keyOf(band, smallest.subarray(band * rows, (band + 1) * rows)));
}

function exactKey(of: string): string {
  return hash('sha256', of).slice(0, 12);
}

/** Of some values in their order: the number of a band, or of what comes behind the bands. Who finds another work by it compares the sets. */
function keyOf(kind: number, values: Uint32Array | ShingleSet): string {
  let [left, right] = [mixed(kind), mixed(~kind)];
  for (const value of values) {
    left = mixed(left ^ value);
    right = mixed((right ^ (value / 2 ** 32)) + left);
  }
  return ((left & 0xffff) * 2 ** 32 + right).toString(16).padStart(12, '0');
}

/** The smallest value that each of `bands · rows` hash functions gives to a member of the set. */
function minHash(set: ShingleSet): Uint32Array {
  const smallest = new Uint32Array(bands * rows).fill(0xffffffff);
  for (const value of set) {
    const folded = Math.imul((value % 2 ** 32) ^ Math.imul(value / 2 ** 32, 0x9e3779b1), 0x85ebca6b);
    for (let index = 0; index < smallest.length; index += 1) {
      const hashed = mixed(folded ^ Math.imul(index + 1, 0x27d4eb2f));
      if (hashed < (smallest[index] ?? 0)) smallest[index] = hashed;
    }
  }
  return smallest;
}

/** The finaliser of MurmurHash3 (Appleby): every bit of the input moves every bit of the output. */
function mixed(value: number): number {
  let hash = value ^ (value >>> 16);
  hash = Math.imul(hash, 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

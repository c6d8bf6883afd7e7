/** Values of shingles, ascending, each once: their leading 48 bits, which are exact as numbers. */
export type ShingleSet = Float64Array;

/** What of both roles of a work is compared with others. */
export type Work = { readonly architecture: ShingleSet; readonly training: ShingleSet };

/** A larger set is known by its smallest values: they are a fair sample, since shingles are hashes (Broder 1997). */
export const mostValues = 20_000;
const valueBytes = 6;
const shingleBytes = 8;

/** The values of shingles of 16 hexadecimal digits each, one behind the other. */
export function shingleValues(digits: string): Float64Array {
  return valuesIn(Buffer.from(digits, 'hex'), shingleBytes);
}

/** The leading 48 bits of every so many bytes. */
function valuesIn(bytes: Buffer, step: number): Float64Array {
  const values = new Float64Array(bytes.length / step);
  for (let at = 0; at < values.length; at += 1) values[at] = bytes.readUIntBE(at * step, valueBytes);
  return values;
}

export function shingleSet(values: ArrayLike<number>): ShingleSet {
  return smallest(new Float64Array(values));
}

/** What is in any of some lists of values. */
export function unionOf(lists: readonly Float64Array[]): ShingleSet {
  const all = new Float64Array(lists.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const values of lists) {
    all.set(values, at);
    at += values.length;
  }
  return smallest(all);
}

/** The smallest of some values, ascending, each once. Sorts what it is given. */
function smallest(values: Float64Array): ShingleSet {
  values.sort();
  let kept = 0;
  for (const value of values) {
    if (kept > 0 && value === values[kept - 1]) continue;
    values[kept] = value;
    kept += 1;
  }
  return values.slice(0, Math.min(kept, mostValues));
}

/** Both roles together. */
export function wholeOf({ architecture, training }: Work): ShingleSet {
  return unionOf([architecture, training]);
}

export function without(set: ShingleSet, removed: ReadonlySet<number>): ShingleSet {
  const left = new Float64Array(set.length);
  let kept = 0;
  for (const value of set) {
    if (removed.has(value)) continue;
    left[kept] = value;
    kept += 1;
  }
  return left.slice(0, kept);
}

/** Sizes of two sets and of what they have in common, over the values up to which both are known. */
export function overlap(left: ShingleSet, right: ShingleSet, known = Number.POSITIVE_INFINITY) {
  let [at, other, common] = [0, 0, 0];
  for (;;) {
    const a = left[at] ?? Number.POSITIVE_INFINITY;
    const b = right[other] ?? Number.POSITIVE_INFINITY;
    if (Math.min(a, b) > known || (a === Number.POSITIVE_INFINITY && b === a)) break;
    if (a === b) common += 1;
    if (a <= b) at += 1;
    if (b <= a) other += 1;
  }
  return { left: at, right: other, common };
}

/** Up to which value a set is known. */
export function knownUpTo(set: ShingleSet): number {
  return set.length < mostValues ? Number.POSITIVE_INFINITY : (set.at(-1) ?? Number.POSITIVE_INFINITY);
}

/** As a blob: two counts of 32 bits, then the values of both roles in 48 bits each, big-endian. */
export function encodeWork({ architecture, training }: Work): Uint8Array {
  const bytes = Buffer.alloc(8 + valueBytes * (architecture.length + training.length));
  bytes.writeUInt32BE(architecture.length, 0);
  bytes.writeUInt32BE(training.length, 4);
  let at = 8;
  for (const set of [architecture, training]) {
    for (const value of set) at = bytes.writeUIntBE(value, at, valueBytes);
  }
  return bytes;
}

/** Throws a `RangeError` for bytes that `encodeWork` didn't write. */
export function decodeWork(bytes: Buffer): Work {
  const architecture = bytes.readUInt32BE(0);
  const training = bytes.readUInt32BE(4);
  if (bytes.length !== 8 + valueBytes * (architecture + training))
    throw new RangeError('these are no sets of shingles');
  const values = valuesIn(bytes.subarray(8), valueBytes);
  return { architecture: values.subarray(0, architecture), training: values.subarray(architecture) };
}

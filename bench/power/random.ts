/**
 * Chance that is the same every time: a number for every name. Draws are by place (seed and indices) and not by order, so that the cost of
 * one position out of 10⁸ can be had without the others. The mixer is murmur3's finaliser (Appleby), applied to each index in turn.
 */
export function mixed(seed: number, ...indices: readonly number[]): number {
  let word = seed | 0;
  for (const index of indices) {
    word = Math.imul(word ^ index, 0x9e3779b1);
    word = Math.imul(word ^ (word >>> 16), 0x85ebca6b);
    word = Math.imul(word ^ (word >>> 13), 0xc2b2ae35);
    word ^= word >>> 16;
  }
  return word >>> 0;
}

/** Uniform in (0, 1). */
export function uniform(seed: number, ...indices: readonly number[]): number {
  return (mixed(seed, ...indices) + 0.5) / 2 ** 32;
}

/** Standard normal (Box & Muller 1958). */
export function normal(seed: number, ...indices: readonly number[]): number {
  const [radius, angle] = [uniform(seed, ...indices, 1), uniform(seed, ...indices, 2)];
  return Math.sqrt(-2 * Math.log(radius)) * Math.cos(2 * Math.PI * angle);
}

/** Bytes, as a cut key has them. */
export function bytes(count: number, seed: number, ...indices: readonly number[]): Uint8Array {
  return Uint8Array.from({ length: count }, (_, index) => mixed(seed, ...indices, index) & 0xff);
}

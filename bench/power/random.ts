/**
 * Chance that is the same every time: a number for every place. Draws are by place (seed and indices) and not by order, so that the cost of
 * one position out of 10⁸ can be had without the others. The mixer is murmur3's finaliser (Appleby), applied to each index in turn.
 */
export function mix(word: number, index: number): number {
  let mixed = Math.imul(word ^ index, 0x9e3779b1);
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}

export function mixed(seed: number, ...indices: readonly number[]): number {
  return indices.reduce(mix, seed);
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

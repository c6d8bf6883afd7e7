/** Bits that one byte costs where nothing predicted it. */
export const bitsPerUncoveredByte = 8;

/** Converts integer microNats to bits: once, at the end of every sum. */
export function bitsOf(microNats: number): number {
  return microNats / 1e6 / Math.LN2;
}

/**
 * Prequential code length of the stream, in bits per raw UTF-8 byte: every byte charged exactly once, uncovered ones
 * with 8 bits (Dawid 1984; Rissanen 1978; CONTRACT §4).
 */
export function bitsPerByte(measured: {
  readonly microNats: number;
  readonly uncoveredBytes: number;
  readonly streamBytes: number;
}): number {
  return (bitsOf(measured.microNats) + bitsPerUncoveredByte * measured.uncoveredBytes) / measured.streamBytes;
}

/** What the delivered bundle itself costs, spread over the stream: the first part of a two-part code. */
export function sourceBitsPerByte(measured: { readonly xzBytes: number; readonly streamBytes: number }): number {
  return (8 * measured.xzBytes) / measured.streamBytes;
}

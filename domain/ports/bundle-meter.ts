/**
 * Measures bundles with CPython's `lzma`, as the referee does. The same bytes give the same number in one runner. Throws
 * `InspectorUnavailableError` when it can't be asked.
 */
export type BundleMeter = {
  /** Bytes of the canonical form compressed by xz, preset 9 (CONTRACT §4). */
  xzBytes(canonicalBundle: Uint8Array): Promise<number>;
};

import { type BundleFile, canonicalBundle } from '../domain/bundle.ts';
import type { BundleMeter } from '../domain/ports/bundle-meter.ts';
import type { Finding } from '../domain/submission/events.ts';
import { finding } from './contract-rules.ts';

/** xz makes nothing so much larger: what has half the cap before it is compressed needs no measuring. */
const mostGrowth = 2;

/**
 * Policy's cap on the compressed bundle, in bytes: weights in the source stop here, before a device is leased. Null where the bundle keeps to
 * it, or there is none. Throws `InspectorUnavailableError` where nobody can measure.
 */
export async function findingOverCap(
  files: readonly BundleFile[],
  cap: number | null,
  meter: BundleMeter,
): Promise<Finding | null> {
  if (cap === null) return null;
  const bundle = canonicalBundle(files);
  if (mostGrowth * bundle.byteLength <= cap) return null;
  const xzBytes = await meter.xzBytes(bundle);
  if (xzBytes <= cap) return null;
  return finding('prism:contract-xz-size', { path: null }, `It has ${xzBytes} bytes, the cap is ${cap}.`);
}

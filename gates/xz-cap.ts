import { canonicalBundle } from '../domain/bundle.ts';
import type { ActivePolicy } from '../domain/policy/policy.ts';
import type { BundleMeter } from '../domain/ports/bundle-meter.ts';
import type { BundleReader } from '../domain/ports/bundles.ts';
import type { GateResult } from '../domain/submission/commands.ts';
import type { LivingState } from '../domain/submission/state.ts';
import { contractGateVersion, finding } from './contract-rules.ts';

type Gate = (state: LivingState, policy: ActivePolicy) => Promise<GateResult>;

/** xz makes nothing so much larger: what has half the cap before it is compressed needs no measuring. */
const mostGrowth = 2;

/**
 * The contract gate behind policy's cap on the compressed bundle: weights in the source stop here, before a device is leased. Throws what
 * `readBundle` and `meter` throw; both are our own faults.
 */
export function withXzCap(gate: Gate, readBundle: BundleReader, meter: BundleMeter): Gate {
  return async (state, active) => {
    const cap = active.policy.limits.bundleXzBytes;
    if (cap === null) return gate(state, active);
    const bundle = canonicalBundle(await readBundle(state.identity.bundle.sha256));
    if (mostGrowth * bundle.byteLength <= cap) return gate(state, active);
    const xzBytes = await meter.xzBytes(bundle);
    if (xzBytes <= cap) return gate(state, active);
    const seen = `It has ${xzBytes} bytes, the cap is ${cap}.`;
    const findings = [finding('prism:contract-xz-size', { path: null }, seen)];
    return { kind: 'failed', findings, gateVersion: contractGateVersion, evidence: null };
  };
}

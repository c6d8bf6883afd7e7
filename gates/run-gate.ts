import type { ActivePolicy } from '../domain/policy/policy.ts';
import type { BundleReader } from '../domain/ports/bundles.ts';
import type { Inspector } from '../domain/ports/inspector.ts';
import type { GateResult } from '../domain/submission/commands.ts';
import type { LivingState } from '../domain/submission/state.ts';
import { resolveContract } from './contract.ts';
import { contractGateVersion } from './contract-rules.ts';

/**
 * The first gate: reads the stored bundle again and resolves its contract. A throw is our own fault (an unreadable blob, an
 * inspector that can't be asked): whoever runs the gate defers it.
 */
export function contractGate(
  readBundle: BundleReader,
  inspector: Inspector,
): (state: LivingState, policy: ActivePolicy) => Promise<GateResult> {
  return async (state, { policy }) => {
    const files = await readBundle(state.identity.bundle.sha256);
    const resolution = await resolveContract(files, inspector, policy);
    return resolution.kind === 'resolved'
      ? { ...resolution, gateVersion: contractGateVersion }
      : { ...resolution, gateVersion: contractGateVersion, evidence: null };
  };
}

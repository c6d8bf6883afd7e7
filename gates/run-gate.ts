import type { ActivePolicy } from '../domain/policy/policy.ts';
import type { BundleMeter } from '../domain/ports/bundle-meter.ts';
import type { BundleReader } from '../domain/ports/bundles.ts';
import type { Inspector } from '../domain/ports/inspector.ts';
import type { GateResult } from '../domain/submission/commands.ts';
import type { LivingState } from '../domain/submission/state.ts';
import { type BundleGateName, bundleGates } from './bundle-gates.ts';
import { recentResults } from './recent-results.ts';

export type RunGate = (name: BundleGateName, state: LivingState, policy: ActivePolicy) => Promise<GateResult>;

const rememberedVerdicts = 1_000;

/**
 * Runs the gates of stored bundles. A verdict is remembered by the bundle's content, the gate's version and whatever else it was made of. A
 * throw is our own fault (an unreadable blob, an inspector that can't be asked): whoever runs the gate defers it.
 */
export function storedBundleGates(readBundle: BundleReader, inspector: Inspector & BundleMeter): RunGate {
  const recent = recentResults<GateResult>(rememberedVerdicts);
  return (name, { identity, contract }, { policy }) => {
    const { version, read, judge } = bundleGates[name];
    const key = JSON.stringify([identity.codeHash, version, contract, read(policy)]);
    return recent(key, async () =>
      judge({ files: await readBundle(identity.bundle.sha256), contract }, policy, inspector),
    );
  };
}

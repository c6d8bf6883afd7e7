import type { BundleFile } from '../domain/bundle.ts';
import type { Policy } from '../domain/policy/policy.ts';
import type { BundleMeter } from '../domain/ports/bundle-meter.ts';
import type { Inspector } from '../domain/ports/inspector.ts';
import type { GateResult } from '../domain/submission/commands.ts';
import type { Finding, ResolvedContract } from '../domain/submission/events.ts';
import { resolveContract } from './contract.ts';
import { contractGateVersion } from './contract-rules.ts';
import { judgeDistributed } from './multi-gpu/judge.ts';
import { distributedGateVersion } from './multi-gpu/rules.ts';
import { readModules } from './read-modules.ts';
import { judgeStatically } from './static/judge.ts';
import { staticGateVersion } from './static/rules.ts';
import { findingOverCap } from './xz-cap.ts';

/** What a gate judges: a bundle's files, and what the contract gate made of them where that came before. */
export type Judged = { readonly files: readonly BundleFile[]; readonly contract: ResolvedContract | null };

/**
 * A gate that needs a bundle's files, CPython's parser and its `lzma`, and nothing else. The same files, contract, `read` part of the policy and version
 * give the same result. Throws on a fault of ours.
 */
export type BundleGate = {
  readonly version: string;
  /** The part of the policy that it reads. */
  readonly read: (policy: Policy) => unknown;
  readonly judge: (judged: Judged, policy: Policy, inspector: Inspector & BundleMeter) => Promise<GateResult>;
};

export type BundleGateName = 'contract' | 'static' | 'distributed';

/** In the order of their application. */
export const bundleGates: Readonly<Record<BundleGateName, BundleGate>> = {
  contract: {
    version: contractGateVersion,
    read: ({ tokenizers, limits }) => [tokenizers, limits.bundleXzBytes],
    async judge({ files }, policy, inspector) {
      const overCap = await findingOverCap(files, policy.limits.bundleXzBytes, inspector);
      if (overCap !== null) return verdict(contractGateVersion, [overCap]);
      const resolution = await resolveContract(files, inspector, policy);
      return resolution.kind === 'resolved'
        ? { ...resolution, gateVersion: contractGateVersion }
        : { ...resolution, gateVersion: contractGateVersion, evidence: null };
    },
  },
  static: {
    version: staticGateVersion,
    read: ({ staticRules }) => staticRules,
    async judge({ files, contract }, { staticRules }, inspector) {
      const modules = await readModules(files, inspector);
      const entrypoints = contract === null ? [] : [contract.architecture.entrypoint, contract.training.entrypoint];
      return verdict(staticGateVersion, judgeStatically(modules, entrypoints, staticRules));
    },
  },
  distributed: {
    version: distributedGateVersion,
    read: ({ gates }) => gates.distributed,
    async judge({ files, contract }, { gates }, inspector) {
      if (contract === null) throw new Error('the distributed gate comes after the contract is resolved');
      const { missing, bound } = judgeDistributed(await readModules(files, inspector), contract);
      const objections = gates.distributed === 'flag' ? bound : [...bound, ...missing];
      if (objections.length > 0) return verdict(distributedGateVersion, objections);
      return { ...verdict(distributedGateVersion, []), ...(missing.length > 0 && { findings: missing }) };
    },
  },
};

function verdict(gateVersion: string, findings: readonly Finding[]): GateResult {
  return findings.length === 0
    ? { kind: 'passed', gateVersion, evidence: null }
    : { kind: 'failed', gateVersion, findings, evidence: null };
}

import { aboutTokens } from '../../domain/about-tokens.ts';
import { canonicalBundle } from '../../domain/bundle.ts';
import type { ActivePolicy, Policy } from '../../domain/policy/policy.ts';
import type { BlobReference, Blobs } from '../../domain/ports/blobs.ts';
import type { BundleReader } from '../../domain/ports/bundles.ts';
import type { Instantiate, Instantiated } from '../../domain/ports/instantiator.ts';
import type { GateResult } from '../../domain/submission/commands.ts';
import type { LivingState } from '../../domain/submission/state.ts';
import { recentResults } from '../recent-results.ts';
import { judgeInstantiated } from './judge.ts';
import { parametersGateVersion } from './rules.ts';
import { throughputOf } from './throughput.ts';

export type ParametersGateDeps = {
  readonly readBundle: BundleReader;
  readonly instantiate: Instantiate;
  readonly blobs: Pick<Blobs, 'put'>;
  /** Aborted when the service stops. */
  readonly stopping: AbortSignal;
};

const rememberedVerdicts = 1_000;

/**
 * Builds the model once and asks it about random tokens. Hygiene and early feedback: submitted code runs in the process that reports, so whoever
 * lies passes here, and meets the cap, the clock and the referee's own tests in the run. Throws where it is our fault.
 */
export function parametersGate(
  deps: ParametersGateDeps,
): (state: LivingState, active: ActivePolicy) => Promise<GateResult> {
  const recent = recentResults<GateResult>(rememberedVerdicts);
  return (state, { policy }) => {
    const { limits, instantiation, streamBytes, integrity } = policy;
    const { equalityBoundMicroNats, run } = integrity;
    const read = [limits, instantiation, streamBytes, equalityBoundMicroNats, run.framesPerBatch];
    const key = JSON.stringify([state.identity.codeHash, parametersGateVersion, state.contract, read]);
    return recent(key, () => askOnce(deps, state, policy));
  };
}

async function askOnce(
  { readBundle, instantiate, blobs, stopping }: ParametersGateDeps,
  { identity, contract }: LivingState,
  policy: Policy,
): Promise<GateResult> {
  if (contract === null) throw new Error('the parameters gate comes after the contract is resolved');
  const files = await readBundle(identity.bundle.sha256);
  const { submissionId, codeHash } = identity;
  const asked = { submissionId, codeHash, contract, bundle: canonicalBundle(files) };
  const instantiated = await instantiate(asked, policy, stopping);
  const paths = new Set(files.map(({ path }) => path));
  const { objections, remarks } = judgeInstantiated(instantiated, contract, policy, paths);
  const streamTokens = aboutTokens(policy.streamBytes, contract.tokenizer);
  const behaviour = instantiated.kind === 'reported' ? instantiated.report.behaviour : null;
  const evidence = await keep(instantiated, policy, streamTokens, blobs);
  return objections.length > 0
    ? { kind: 'failed', gateVersion: parametersGateVersion, findings: objections, evidence }
    : { kind: 'passed', gateVersion: parametersGateVersion, findings: remarks, evidence, behaviour };
}

/** For the owner and operators; durable before the event that names it. */
async function keep(
  instantiated: Instantiated,
  policy: Policy,
  streamTokens: number,
  blobs: Pick<Blobs, 'put'>,
): Promise<BlobReference> {
  const { instantiation, limits } = policy;
  const throughput = instantiated.kind === 'reported' ? throughputOf(instantiated.report, policy, streamTokens) : null;
  const facts = {
    schema: 'prism_parameters.v1',
    gateVersion: parametersGateVersion,
    maxParameters: limits.maxParameters,
    instantiation,
    instantiated,
    throughput,
  };
  return blobs.put(Buffer.from(JSON.stringify(facts)));
}

import { aboutTokens } from '../../domain/about-tokens.ts';
import { type BundleFile, canonicalBundle, codeHash } from '../../domain/bundle.ts';
import type { ActivePolicy, Policy } from '../../domain/policy/policy.ts';
import type { BlobReference, BlobSink } from '../../domain/ports/blobs.ts';
import type { BundleReader } from '../../domain/ports/bundles.ts';
import type { Instantiate, Instantiated } from '../../domain/ports/instantiator.ts';
import type { GateResult } from '../../domain/submission/commands.ts';
import type { ResolvedContract } from '../../domain/submission/events.ts';
import type { LivingState } from '../../domain/submission/state.ts';
import { recentResults } from '../recent-results.ts';
import { judgeInstantiated, type ModelVerdict } from './judge.ts';
import { parametersGateVersion } from './rules.ts';
import { type Throughput, throughputOf } from './throughput.ts';

export type ParametersGateDeps = {
  readonly readBundle: BundleReader;
  readonly instantiate: Instantiate;
  readonly blobs: BlobSink;
  /** Aborted when the service stops. */
  readonly stopping: AbortSignal;
};

const rememberedVerdicts = 1_000;

/** What became of a model, and what follows from it. */
export type ModelLook = ModelVerdict & { readonly instantiated: Instantiated; readonly throughput: Throughput | null };

/** Builds a bundle's model once, and judges it. `submissionId` isn't looked at twice at once. Throws where it is our fault. */
export async function lookAtModel(
  { submissionId, files, contract }: LookedAt,
  policy: Policy,
  instantiate: Instantiate,
  signal: AbortSignal,
): Promise<ModelLook> {
  const asked = { submissionId, codeHash: codeHash(files), contract, bundle: canonicalBundle(files) };
  const instantiated = await instantiate(asked, policy, signal);
  const verdict = judgeInstantiated(instantiated, contract, policy, new Set(files.map(({ path }) => path)));
  const streamTokens = aboutTokens(policy.streamBytes, contract.tokenizer);
  const throughput = instantiated.kind === 'reported' ? throughputOf(instantiated.report, policy, streamTokens) : null;
  return { ...verdict, instantiated, throughput };
}

type LookedAt = {
  readonly submissionId: string;
  readonly files: readonly BundleFile[];
  readonly contract: ResolvedContract;
};

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
  const looked = { submissionId: identity.submissionId, files, contract };
  const look = await lookAtModel(looked, policy, instantiate, stopping);
  const { instantiated, objections, remarks } = look;
  const behaviour = instantiated.kind === 'reported' ? instantiated.report.behaviour : null;
  const evidence = await keep(look, policy, blobs);
  return objections.length > 0
    ? { kind: 'failed', gateVersion: parametersGateVersion, findings: objections, evidence }
    : { kind: 'passed', gateVersion: parametersGateVersion, findings: remarks, evidence, behaviour };
}

/** For the owner and operators; durable before the event that names it. */
async function keep(
  { instantiated, throughput }: ModelLook,
  { instantiation, limits }: Policy,
  blobs: BlobSink,
): Promise<BlobReference> {
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

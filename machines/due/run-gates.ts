import { deriveId } from '../../domain/ids.ts';
import type { ActivePolicy } from '../../domain/policy/policy.ts';
import type { Policies } from '../../domain/policy/policy-aggregate.ts';
import { ReviewerUnavailableError } from '../../domain/ports/reviewer.ts';
import type { GateResult } from '../../domain/submission/commands.ts';
import type { GateName } from '../../domain/submission/events.ts';
import type { LivingState } from '../../domain/submission/state.ts';
import type { Aside } from './aside.ts';
import { holdCopies } from './hold-copies.ts';
import { type Due, type Performer, type SubmissionHandler, send } from './performer.ts';

/** What a gate answers. One that leaves the answer to an operator says why; the hold's id and deadline are ours to give. */
export type GateAnswer =
  | Exclude<GateResult, { kind: 'held' }>
  | Omit<Extract<GateResult, { kind: 'held' }>, 'holdId' | 'expiresAt'>;

/** Runs one gate on a submission. Throws on a fault of ours; a verdict is a value. */
export type Gate = (state: LivingState, policy: ActivePolicy) => Promise<GateAnswer>;

const firstDelaySeconds = 2;
const longestDelaySeconds = 600;

/** Seconds until a gate that could not answer is asked again: doubling, from 2 s to 10 min. */
export function retryDelaySeconds(deferrals: number): number {
  return Math.min(longestDelaySeconds, firstDelaySeconds * 2 ** deferrals);
}

export type GateDeps = {
  readonly submissions: SubmissionHandler;
  readonly policies: Policies;
  /** A gate that isn't here is skipped like one that is switched off; the contract can't be. */
  readonly gates: { readonly contract: Gate } & Partial<Record<GateName, Gate>>;
  /** Where the gates that outlast a step are at work. */
  readonly slow: Partial<Record<GateName, Aside>>;
  /** Takes what is due for this instance alone; false where another one has it. */
  readonly claim: (due: Due) => Promise<boolean>;
  readonly clock: () => Date;
  readonly onFault: (gate: GateName, error: unknown) => void;
  /** Aborted when the service stops: what it interrupts is no outage, and goes unrecorded. */
  readonly stopping: AbortSignal;
};

type AtGate = Extract<LivingState, { phase: 'gate' }>;

export function gatePerformer(deps: GateDeps): Performer {
  const { policies, gates, slow, claim, clock } = deps;
  return async (due) => {
    const { state } = due;
    if (state.phase !== 'gate') return;
    const { gate, deferral } = state;
    if (deferral !== null && deferral.retryAt > clock().toISOString()) return;
    const policy = await policies.active();
    const asked = isSwitchedOff(gate, policy) ? undefined : gates[gate];
    const work = async () => {
      if (asked === undefined || (await claim(due))) await performGate(deps, due, state, asked, policy);
    };
    const aside = asked === undefined ? undefined : slow[gate];
    if (aside === undefined) await work();
    else aside.start(state.identity.submissionId, work);
  };
}

async function performGate(
  { submissions, clock, onFault, stopping }: GateDeps,
  due: Due,
  state: AtGate,
  asked: Gate | undefined,
  policy: ActivePolicy,
): Promise<void> {
  const { gate, deferral } = state;
  const record = (result: GateResult) =>
    send(submissions, due, { kind: 'RecordGate', gate, result, policyVersion: policy.version }, clock());
  try {
    const answer = await askGate(asked, state, policy);
    const copies = 'comparison' in answer ? (answer.comparison?.copies ?? []) : [];
    const { holdSeconds } = policy.policy;
    await holdCopies(submissions, due, copies, { holdSeconds, now: clock() });
    await record(toResult(answer, due, policy, clock()));
  } catch (error) {
    if (stopping.aborted) return;
    // Whatever keeps a verdict from being found, or from the log, is our outage. Put off, it keeps nobody else waiting.
    onFault(gate, error);
    const delaySeconds = retryDelaySeconds(deferral?.count ?? 0);
    const retryAt = new Date(clock().getTime() + delaySeconds * 1_000).toISOString();
    await record({ kind: 'deferred', reason: reasonOf(error), retryAt: later(retryAt, error) });
  }
}

function isSwitchedOff(gate: GateName, { policy }: ActivePolicy): boolean {
  return gate !== 'contract' && policy.gates[gate] === 'off';
}

async function askGate(gate: Gate | undefined, state: LivingState, policy: ActivePolicy): Promise<GateAnswer> {
  return gate === undefined
    ? { kind: 'skipped', reason: `switched off in policy ${policy.version}` }
    : gate(state, policy);
}

function toResult(answer: GateAnswer, { lastEventId }: Due, { policy }: ActivePolicy, now: Date): GateResult {
  if (answer.kind !== 'held') return answer;
  const expiresAt = new Date(now.getTime() + policy.holdSeconds * 1_000).toISOString();
  return { ...answer, holdId: deriveId('hold', lastEventId), expiresAt };
}

/** The error class names the outage (`InspectorUnavailableError` → `inspectorUnavailable`). */
function reasonOf(error: unknown): string {
  const name = error instanceof Error ? error.name.replace(/Error$/, '') : '';
  return name === '' ? 'gateFault' : name.charAt(0).toLowerCase() + name.slice(1);
}

/** Whoever can't be asked may have said when he can be. */
function later(retryAt: string, error: unknown): string {
  const said = error instanceof ReviewerUnavailableError ? error.retryAt : null;
  return said !== null && said > retryAt ? said : retryAt;
}

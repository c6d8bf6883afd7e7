import type { ActivePolicy } from '../../domain/policy/policy.ts';
import type { Policies } from '../../domain/policy/policy-aggregate.ts';
import type { GateResult } from '../../domain/submission/commands.ts';
import type { GateName } from '../../domain/submission/events.ts';
import type { LivingState } from '../../domain/submission/state.ts';
import { type Due, type Performer, type SubmissionHandler, send } from './performer.ts';

/** Runs one gate on a submission. Throws on a fault of ours; a verdict is a value. */
export type Gate = (state: LivingState, policy: ActivePolicy) => Promise<GateResult>;

const firstDelaySeconds = 2;
const longestDelaySeconds = 600;

/** Seconds until a gate that could not answer is asked again: doubling, from 2 s to 10 min. */
export function retryDelaySeconds(deferrals: number): number {
  return Math.min(longestDelaySeconds, firstDelaySeconds * 2 ** deferrals);
}

export function gatePerformer(deps: {
  readonly submissions: SubmissionHandler;
  readonly policies: Policies;
  /** A gate that isn't here is skipped like one that is switched off; the contract can't be. */
  readonly gates: { readonly contract: Gate } & Partial<Record<GateName, Gate>>;
  /** Takes what is due for this instance alone; false where another one has it. */
  readonly claim: (due: Due) => Promise<boolean>;
  readonly clock: () => Date;
  readonly onFault: (gate: GateName, error: unknown) => void;
}): Performer {
  const { submissions, policies, gates, claim, clock, onFault } = deps;
  return async (due) => {
    const { state } = due;
    if (state.phase !== 'gate') return;
    const { gate, deferral } = state;
    if (deferral !== null && deferral.retryAt > clock().toISOString()) return;
    const policy = await policies.active();
    const record = (result: GateResult) =>
      send(submissions, due, { kind: 'RecordGate', gate, result, policyVersion: policy.version }, clock());
    const asked = isOn(gate, policy) ? gates[gate] : undefined;
    if (asked !== undefined && !(await claim(due))) return;
    try {
      await record(await askGate(asked, state, policy));
    } catch (error) {
      // Whatever keeps a verdict from being found, or from the log, is our outage. Put off, it keeps nobody else waiting.
      onFault(gate, error);
      const delaySeconds = retryDelaySeconds(deferral?.count ?? 0);
      const retryAt = new Date(clock().getTime() + delaySeconds * 1_000).toISOString();
      await record({ kind: 'deferred', reason: reasonOf(error), retryAt });
    }
  };
}

function isOn(gate: GateName, { policy }: ActivePolicy): boolean {
  return gate === 'contract' || policy.gates[gate] !== 'off';
}

async function askGate(gate: Gate | undefined, state: LivingState, policy: ActivePolicy): Promise<GateResult> {
  return gate === undefined
    ? { kind: 'skipped', reason: `switched off in policy ${policy.version}` }
    : gate(state, policy);
}

/** The error class names the outage (`InspectorUnavailableError` → `inspectorUnavailable`). */
function reasonOf(error: unknown): string {
  const name = error instanceof Error ? error.name.replace(/Error$/, '') : '';
  return name === '' ? 'gateFault' : name.charAt(0).toLowerCase() + name.slice(1);
}

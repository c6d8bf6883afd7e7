import type { Aggregate, Decision } from '../aggregate.ts';
import type { CommandHandler } from '../handle-command.ts';
import { unrecordableCuts } from '../integrity/cuts-size.ts';
import { refuse } from '../rejection.ts';
import { type PolicyEvent, policyStream } from './events.ts';
import { type ActivePolicy, type PolicyDraft, policySchema } from './policy.ts';

/** Every version that was ever active, oldest first; version n is at index n − 1. */
export type PolicyState = { readonly versions: readonly ActivePolicy[] };

export type PolicyCommand =
  /** Only where none is active yet: the first start of a service. */
  {
    readonly kind: 'ActivateFirstPolicy';
    readonly draft: PolicyDraft;
    readonly operator: string;
    readonly reason: string;
  };

function evolve(state: PolicyState, event: PolicyEvent): PolicyState {
  const { version, policy } = event.data;
  return { versions: [...state.versions, { version, policy }] };
}

function decide(state: PolicyState, command: PolicyCommand): Decision<PolicyEvent> {
  if (state.versions.length > 0) return [];
  const parsed = policySchema.safeParse(command.draft);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    return refuse('invalidPolicy', `${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'invalid'}`);
  }
  const unrecordable = unrecordableCuts(parsed.data);
  if (unrecordable !== null) return refuse('invalidPolicy', unrecordable);
  const { operator, reason } = command;
  return [{ type: 'PolicyActivated', data: { version: 1, policy: parsed.data, operator, reason } }];
}

export const policyAggregate: Aggregate<PolicyState, PolicyCommand, PolicyEvent> = {
  name: 'policy',
  initialState: { versions: [] },
  evolve,
  decide,
};

/** Reads policies from the log. Both throw `NoPolicyError` where there is none: nothing runs without one. */
export type Policies = { active(): Promise<ActivePolicy>; ofVersion(version: number): Promise<ActivePolicy> };

export class NoPolicyError extends Error {
  override readonly name = 'NoPolicyError';
}

export function policiesOf(handler: CommandHandler<PolicyState, PolicyCommand, PolicyEvent>): Policies {
  const find = async (pick: (versions: readonly ActivePolicy[]) => ActivePolicy | undefined, what: string) => {
    const { state } = await handler.load(policyStream);
    const found = pick(state.versions);
    if (found === undefined) throw new NoPolicyError(`the log knows no ${what}`);
    return found;
  };
  return {
    active: () => find((versions) => versions.at(-1), 'active policy'),
    ofVersion: (version) => find((versions) => versions[version - 1], `policy of version ${version}`),
  };
}

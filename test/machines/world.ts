import { claimAggregate } from '../../domain/claim/claim.ts';
import { type CommandHandler, commandHandler } from '../../domain/handle-command.ts';
import { deriveId } from '../../domain/ids.ts';
import { policyStream } from '../../domain/policy/events.ts';
import type { PolicyDraft } from '../../domain/policy/policy.ts';
import { policiesOf, policyAggregate } from '../../domain/policy/policy-aggregate.ts';
import type { EventLog } from '../../domain/ports/event-log.ts';
import type { RunOutcome } from '../../domain/run.ts';
import { attemptEnded, type SlotEvent, slotStream } from '../../domain/slot/events.ts';
import { type Lease, type SlotCommand, type SlotState, slotAggregate } from '../../domain/slot/slot.ts';
import { submissionAggregate } from '../../domain/submission/decide.ts';
import { type GateName, submissionStream } from '../../domain/submission/events.ts';
import { type Aside, workAside } from '../../machines/due/aside.ts';
import { workClaims } from '../../machines/due/claim-work.ts';
import { conclusionPerformer } from '../../machines/due/conclude.ts';
import { expiryPerformer } from '../../machines/due/expire-holds.ts';
import { runsPerformer } from '../../machines/due/request-runs.ts';
import { type Gate, gatePerformer } from '../../machines/due/run-gates.ts';
import { type ProcessManager, startProcessManager } from '../../machines/process-manager.ts';
import { permits } from '../../machines/submission-machine.ts';
import {
  completedOutcome,
  contract,
  instant,
  noStandings,
  receipt,
  rerunOutcome,
  withoutReruns,
} from '../domain/submission-examples.ts';
import { type LogDueWork, logDueWork } from './log-due-work.ts';

export type Gates = { readonly contract: Gate } & Partial<Record<GateName, Gate>>;

/** Time that a test moves by hand, in seconds after its midnight. */
export type Clock = { seconds: number };

/** One process over a log: a process manager, an executor, and nothing that outlives either. */
export type World = {
  readonly manager: ProcessManager;
  readonly dueWork: LogDueWork;
  readonly aside: Aside;
  readonly faults: unknown[];
  readonly submissions: ReturnType<typeof submissionHandler>;
  readonly slots: CommandHandler<SlotState, SlotCommand, SlotEvent>;
  /** One look of the process manager at what the log says now. */
  step(): Promise<boolean>;
  /** The executor takes up its lease, if there is one: starts the attempt, and reports unless it dies there. */
  execute(outcome: RunOutcome | 'dies', device?: string): Promise<void>;
};

export const passing: Gates = { contract: async () => ({ kind: 'resolved', contract, gateVersion: '1' }) };
export const stream = submissionStream(receipt.submissionId);
const slot = { executor: 'host', deviceClass: 'gpu', cpuset: '0', memoryBytes: 2 ** 33 } as const;

function submissionHandler(log: EventLog) {
  return commandHandler(log, submissionAggregate, permits);
}

/** What every test starts with: a policy, a free slot, a received submission. */
export async function prepare(
  log: EventLog,
  devices: readonly string[] = ['gpu0'],
  draft: PolicyDraft = withoutReruns,
): Promise<void> {
  const context = (causeId: string) => ({ causeId, correlationId: 'prepare', at: instant(0) });
  const policies = commandHandler(log, policyAggregate);
  await policies.handle(
    policyStream,
    { kind: 'ActivateFirstPolicy', draft, operator: 'olga', reason: 'start' },
    context('policy'),
  );
  for (const device of devices) {
    const register: SlotCommand = { kind: 'RegisterSlot', slot: { ...slot, device } };
    await commandHandler(log, slotAggregate).handle(slotStream('host', device), register, context(device));
  }
  await submissionHandler(log).handle(
    stream,
    { kind: 'ReceiveSubmission', received: receipt },
    { causeId: 'receive', correlationId: receipt.submissionId, at: instant(0) },
  );
}

export function startWorld(log: EventLog, clock: Clock, gates: Gates = passing, owner = 'host'): World {
  const now = () => new Date(instant(clock.seconds));
  const submissions = submissionHandler(log);
  const slots = commandHandler(log, slotAggregate);
  const policies = policiesOf(commandHandler(log, policyAggregate));
  const dueWork = logDueWork(log);
  const faults: unknown[] = [];
  const onFault = (fault: unknown) => void faults.push(fault);
  const aside = workAside(8, onFault);
  const manager = startProcessManager({
    submissions,
    slots,
    policies,
    dueWork,
    clock: now,
    onFault,
    projected: () => dueWork.catchUp(),
    periodMs: 2 ** 30,
    setAside: aside.count,
    performers: {
      gate: gatePerformer({
        slow: { llm: aside },
        stopping: new AbortController().signal,
        ...{ submissions, policies, gates, clock: now },
        claim: workClaims({ claims: commandHandler(log, claimAggregate), owner, clock: now }),
        onFault: (_gate, error) => onFault(error),
      }),
      runs: runsPerformer({ submissions, policies, clock: now }),
      conclusion: conclusionPerformer({
        ...{ submissions, policies, clock: now },
        standings: () => noStandings,
        lotOf: () => 0.5,
      }),
      expiry: expiryPerformer({ submissions, policies, clock: now }),
    },
  });

  async function startAttempt(name: string, device: string, lease: Lease, grantedBy: string) {
    const { submissionId, run, attempt, fencingToken, deadlineAt } = lease;
    const place = { slot: name, executor: 'host', device, deviceClass: 'gpu' } as const;
    return submissions.handle(
      submissionStream(submissionId),
      { kind: 'StartAttempt', run, attempt, fencingToken, ...place, deadlineAt },
      contextOf('start', lease, grantedBy),
    );
  }

  async function reportFault(name: string, outcome: RunOutcome, lease: Lease, grantedBy: string): Promise<boolean> {
    if (outcome.kind !== 'infrastructureFault') return false;
    const { reason, message } = outcome;
    const command = { kind: 'ReportFault', fencingToken: lease.fencingToken, reason, message } as const;
    const handled = await slots.handle(name, command, contextOf('fault', lease, grantedBy));
    return handled.kind === 'accepted' && handled.state.kind === 'registered' && handled.state.quarantine !== null;
  }

  /** An executor's commands are derived from its lease: a restarted one repeats them. */
  function contextOf(what: string, { submissionId, run, attempt, fencingToken }: Lease, causedBy: string) {
    const causeId = deriveId(what, submissionId, run, attempt, fencingToken);
    return { causeId, causedBy, correlationId: submissionId, at: now().toISOString() };
  }

  return {
    manager,
    dueWork,
    aside,
    faults,
    submissions,
    slots,
    async step() {
      await dueWork.catchUp();
      return manager.step();
    },
    async execute(outcome, device = 'gpu0') {
      const name = slotStream('host', device);
      const { state, lastEvent } = await slots.load(name);
      const lease = state.kind === 'registered' ? state.lease : null;
      if (lease === null || lastEvent === null) return;
      const grantedBy = lastEvent.envelope.id;
      const started = await startAttempt(name, device, lease, grantedBy);
      if (outcome === 'dies') return;
      const { submissionId, run, attempt, fencingToken } = lease;
      if (started.kind === 'accepted') {
        const isSlotClosed = await reportFault(name, outcome, lease, grantedBy);
        await submissions.handle(
          submissionStream(submissionId),
          {
            ...{ kind: 'RecordOutcome', run, attempt, fencingToken, outcome: outcomeOf(outcome, run), isSlotClosed },
            ...{ policy: await policies.active(), now: now().toISOString() },
          },
          contextOf('outcome', lease, grantedBy),
        );
      }
      await slots.handle(
        name,
        { kind: 'ReleaseLease', fencingToken, reason: attemptEnded },
        contextOf('release', lease, grantedBy),
      );
    },
  };
}

/** A rerun that completes has been compared with its run. */
function outcomeOf(outcome: RunOutcome, run: string): RunOutcome {
  return outcome.kind === 'completed' && run === 'rerun' ? rerunOutcome('confirmed') : outcome;
}

/** Steps and executes until neither finds anything; the executor always succeeds. */
export async function runToTheEnd(world: World, outcome: RunOutcome = completedOutcome): Promise<void> {
  for (let round = 0; round < 60; round += 1) {
    const found = await world.step();
    await world.execute(outcome);
    await world.dueWork.catchUp();
    if (!found && world.dueWork.submissions(instant(10 ** 9), 1).length === 0) return;
  }
  throw new Error('it never comes to an end');
}

/** Types and ids of every stream's events: what a restart must not change. How streams interleave is chance. */
export async function storyOf(log: EventLog): Promise<Record<string, readonly string[]>> {
  const story: Record<string, string[]> = {};
  for (const { envelope } of await log.readAll(0, 10_000)) {
    story[envelope.stream] ??= [];
    story[envelope.stream]?.push(`${envelope.type} ${envelope.id}`);
  }
  return story;
}

export async function typesIn(log: EventLog, name = stream): Promise<readonly string[]> {
  return (await log.readStream(name)).map(({ envelope }) => envelope.type);
}

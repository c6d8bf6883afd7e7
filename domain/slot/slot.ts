import type { Aggregate, Decision } from '../aggregate.ts';
import { refuse } from '../rejection.ts';
import { shownText } from '../submission/shown-text.ts';
import { attemptEnded, messageLimit, type SlotEvent, type SlotEventData } from './events.ts';

export type Lease = SlotEventData<'LeaseGranted'>;

export type SlotState =
  | { readonly kind: 'unregistered' }
  | {
      readonly kind: 'registered';
      readonly slot: SlotEventData<'SlotRegistered'>;
      readonly lease: Lease | null;
      readonly lastToken: number;
      readonly quarantine: SlotEventData<'SlotQuarantined'> | null;
      /** Leases in a row that ended by our fault, the token of the last such, and whose runs they were leased for, the last one's last. */
      readonly faults: {
        readonly count: number;
        readonly lastToken: number;
        readonly submissionIds: readonly string[];
      };
    };

/**
 * So many faults in a row, and the slot takes no more leases: a broken one fails fastest, and would always be the free one. As long as all of them are
 * one submission's they say as much about its bundle, and it stays open for another one to tell which.
 */
export const mostFaults = 3;
const leastSubmissions = 2;
/** The fault that closes a slot at once: its device is gone. */
export const deviceLost = 'deviceLost';

const initialState: SlotState = { kind: 'unregistered' };
const noFaults = { count: 0, lastToken: 0, submissionIds: [] };

function evolve(state: SlotState, event: SlotEvent): SlotState {
  if (event.type === 'SlotRegistered') {
    return state.kind === 'unregistered'
      ? { kind: 'registered', slot: event.data, lease: null, lastToken: 0, quarantine: null, faults: noFaults }
      : { ...state, slot: event.data };
  }
  if (state.kind === 'unregistered') return state;
  switch (event.type) {
    case 'LeaseGranted':
      return { ...state, lease: event.data, lastToken: event.data.fencingToken };
    case 'LeaseReleased':
      return { ...state, lease: null, faults: hasWorked(state, event.data) ? noFaults : state.faults };
    case 'LeaseExpired':
      return { ...state, lease: null, faults: withFault(state, event.data) };
    case 'SlotFaulted':
      return { ...state, faults: withFault(state, event.data) };
    case 'SlotQuarantined':
      return { ...state, quarantine: event.data };
    case 'SlotRestored':
      return { ...state, quarantine: null, faults: noFaults };
  }
}

/** One lease is one fault, however often it is told. */
function withFault(
  { faults, lease }: Registered,
  { fencingToken }: { readonly fencingToken: number },
): Registered['faults'] {
  if (fencingToken <= faults.lastToken) return faults;
  const failed = lease?.submissionId ?? null;
  const others = faults.submissionIds.filter((submissionId) => submissionId !== failed);
  const submissionIds = failed === null ? others : [...others, failed];
  return { count: faults.count + 1, lastToken: fencingToken, submissionIds };
}

/** Whether the slot's last lease was that submission's, and ended by our fault. */
export function hasJustFailed(state: SlotState, submissionId: string): boolean {
  if (state.kind === 'unregistered' || state.faults.lastToken !== state.lastToken) return false;
  return state.faults.submissionIds.at(-1) === submissionId;
}

function hasWorked({ faults }: Registered, { fencingToken, reason }: SlotEventData<'LeaseReleased'>): boolean {
  return reason === attemptEnded && fencingToken > faults.lastToken;
}

export type SlotCommand =
  | { readonly kind: 'RegisterSlot'; readonly slot: SlotEventData<'SlotRegistered'> }
  | {
      readonly kind: 'GrantLease';
      readonly submissionId: string;
      readonly run: string;
      readonly attempt: number;
      readonly deadlineAt: string;
    }
  | { readonly kind: 'ReleaseLease'; readonly fencingToken: number; readonly reason: string }
  | { readonly kind: 'ExpireLease'; readonly fencingToken: number; readonly now: string }
  /** What ran under the lease ended by our fault; to be told before the lease is released. */
  | {
      readonly kind: 'ReportFault';
      readonly fencingToken: number;
      readonly reason: string;
      readonly message: string;
    }
  | { readonly kind: 'QuarantineSlot'; readonly operator: string | null; readonly reason: string }
  | { readonly kind: 'RestoreSlot'; readonly operator: string; readonly reason: string };

function decide(state: SlotState, command: SlotCommand): Decision<SlotEvent> {
  if (command.kind === 'RegisterSlot') {
    const known = state.kind === 'registered' && sameSlot(state.slot, command.slot);
    return known ? [] : [{ type: 'SlotRegistered', data: command.slot }];
  }
  if (state.kind === 'unregistered') return refuse('unknownSlot', 'No such slot is registered.');
  switch (command.kind) {
    case 'GrantLease':
      return grantLease(state, command);
    case 'ReleaseLease':
      return endLease(state, command.fencingToken, {
        type: 'LeaseReleased',
        data: { fencingToken: command.fencingToken, reason: command.reason },
      });
    case 'ExpireLease':
      if (state.lease?.fencingToken === command.fencingToken && state.lease.deadlineAt > command.now) {
        return refuse('notDue', `The lease runs until ${state.lease.deadlineAt}.`);
      }
      return endLease(
        state,
        command.fencingToken,
        ...closing(state, { type: 'LeaseExpired', data: { fencingToken: command.fencingToken } }, leaseExpired),
      );
    case 'ReportFault':
      return reportFault(state, command);
    case 'QuarantineSlot':
      if (isClosed(state, command.operator)) return [];
      return [{ type: 'SlotQuarantined', data: { operator: command.operator, reason: command.reason } }];
    case 'RestoreSlot':
      if (state.quarantine === null) return [];
      return [{ type: 'SlotRestored', data: { operator: command.operator, reason: command.reason } }];
  }
}

/** An operator's word stands over what the slot's own faults said. */
function isClosed({ quarantine }: Registered, operator: string | null): boolean {
  return quarantine !== null && (operator === null || quarantine.operator !== null);
}

type Registered = Extract<SlotState, { kind: 'registered' }>;

function grantLease(state: Registered, command: Extract<SlotCommand, { kind: 'GrantLease' }>): Decision<SlotEvent> {
  const { submissionId, run, attempt, deadlineAt } = command;
  const { lease } = state;
  if (lease !== null) {
    const isSame = lease.submissionId === submissionId && lease.run === run && lease.attempt === attempt;
    return isSame ? [] : refuse('slotTaken', `The slot is leased to submission ${lease.submissionId}.`);
  }
  if (state.quarantine !== null)
    return refuse('slotQuarantined', `The slot is quarantined: ${state.quarantine.reason}`);
  const fencingToken = state.lastToken + 1;
  return [{ type: 'LeaseGranted', data: { submissionId, run, attempt, fencingToken, deadlineAt } }];
}

function reportFault(state: Registered, command: Extract<SlotCommand, { kind: 'ReportFault' }>): Decision<SlotEvent> {
  const { fencingToken, reason } = command;
  if (fencingToken > state.lastToken)
    return refuse('staleToken', `No lease with token ${fencingToken} was ever granted.`);
  if (state.lease?.fencingToken !== fencingToken || fencingToken <= state.faults.lastToken) return [];
  const data = { fencingToken, reason, message: shownText(command.message, messageLimit) };
  return closing(state, { type: 'SlotFaulted', data }, data);
}

const leaseExpired = { reason: 'leaseExpired', message: 'The executor let the lease expire.' };

/** The fault itself, and the quarantine that it comes to. */
function closing(
  state: Registered,
  fault: Extract<SlotEvent, { type: 'SlotFaulted' | 'LeaseExpired' }>,
  { reason, message }: { readonly reason: string; readonly message: string },
): readonly [SlotEvent, ...SlotEvent[]] {
  const { count, submissionIds } = withFault(state, fault.data);
  const isWorn = count >= mostFaults && submissionIds.length >= leastSubmissions;
  if (state.quarantine !== null || (reason !== deviceLost && !isWorn)) return [fault];
  const row = reason === deviceLost ? '' : `${count} attempts in a row ended by our own fault; the last: `;
  const why = shownText(`${row}${reason}: ${message}`, messageLimit);
  return [fault, { type: 'SlotQuarantined', data: { operator: null, reason: why } }];
}

function endLease(state: Registered, fencingToken: number, ...events: readonly SlotEvent[]): Decision<SlotEvent> {
  if (state.lease?.fencingToken === fencingToken) return events;
  if (fencingToken <= state.lastToken) return [];
  return refuse('staleToken', `No lease with token ${fencingToken} was ever granted.`);
}

function sameSlot(left: SlotEventData<'SlotRegistered'>, right: SlotEventData<'SlotRegistered'>): boolean {
  return (
    left.deviceClass === right.deviceClass && left.cpuset === right.cpuset && left.memoryBytes === right.memoryBytes
  );
}

export const slotAggregate: Aggregate<SlotState, SlotCommand, SlotEvent> = {
  name: 'slot',
  initialState,
  evolve,
  decide,
};

import type { Aggregate, Decision } from '../aggregate.ts';
import { refuse } from '../rejection.ts';
import type { SlotEvent, SlotEventData } from './events.ts';

export type Lease = SlotEventData<'LeaseGranted'>;

export type SlotState =
  | { readonly kind: 'unregistered' }
  | {
      readonly kind: 'registered';
      readonly slot: SlotEventData<'SlotRegistered'>;
      readonly lease: Lease | null;
      readonly lastToken: number;
      readonly quarantine: string | null;
    };

const initialState: SlotState = { kind: 'unregistered' };

function evolve(state: SlotState, event: SlotEvent): SlotState {
  if (event.type === 'SlotRegistered') {
    return state.kind === 'unregistered'
      ? { kind: 'registered', slot: event.data, lease: null, lastToken: 0, quarantine: null }
      : { ...state, slot: event.data };
  }
  if (state.kind === 'unregistered') return state;
  switch (event.type) {
    case 'LeaseGranted':
      return { ...state, lease: event.data, lastToken: event.data.fencingToken };
    case 'LeaseReleased':
    case 'LeaseExpired':
      return { ...state, lease: null };
    case 'SlotQuarantined':
      return { ...state, quarantine: event.data.reason };
    case 'SlotRestored':
      return { ...state, quarantine: null };
  }
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
      return endLease(state, command.fencingToken, {
        type: 'LeaseExpired',
        data: { fencingToken: command.fencingToken },
      });
    case 'QuarantineSlot':
      if (state.quarantine !== null) return [];
      return [{ type: 'SlotQuarantined', data: { operator: command.operator, reason: command.reason } }];
    case 'RestoreSlot':
      if (state.quarantine === null) return [];
      return [{ type: 'SlotRestored', data: { operator: command.operator, reason: command.reason } }];
  }
}

type Registered = Extract<SlotState, { kind: 'registered' }>;

function grantLease(state: Registered, command: Extract<SlotCommand, { kind: 'GrantLease' }>): Decision<SlotEvent> {
  const { submissionId, run, attempt, deadlineAt } = command;
  const { lease } = state;
  if (lease !== null) {
    const isSame = lease.submissionId === submissionId && lease.run === run && lease.attempt === attempt;
    return isSame ? [] : refuse('slotTaken', `The slot is leased to submission ${lease.submissionId}.`);
  }
  if (state.quarantine !== null) return refuse('slotQuarantined', `The slot is quarantined: ${state.quarantine}`);
  const fencingToken = state.lastToken + 1;
  return [{ type: 'LeaseGranted', data: { submissionId, run, attempt, fencingToken, deadlineAt } }];
}

function endLease(state: Registered, fencingToken: number, event: SlotEvent): Decision<SlotEvent> {
  if (state.lease?.fencingToken === fencingToken) return [event];
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

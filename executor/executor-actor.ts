/**
 * The actor of one slot: lease in, attempt done, lease out.
 *
 *   idle → starting → running → recording → clearing → releasing → idle
 *
 * `starting` asks the submission for the attempt (the first start wins), `running` has the containers, `recording`
 * tells the submission how it ended, `clearing` kills and removes the containers, and only then is the lease released.
 * It is never persisted: after a restart the slot's stream says whether a lease is active, and the actor walks the same
 * states again; each effect finds what an earlier life has done. A stop of the service is a walk to `clearing` and no
 * further: nothing runs on, nothing is recorded, and the lease stays for the next life, which runs the same attempt
 * anew.
 *
 * An actor that errs has met a bug; XState then throws, and the service restarts on the same path.
 *
 * Does not: retry (its effects do, `slot-effects.ts`), decide anything about the submission, or know of other slots.
 */
import { type ActorRefFrom, assign, fromPromise, setup } from 'xstate';
import { attemptEnded } from '../domain/slot/events.ts';
import type { AttemptResult } from './attempt.ts';
import { faultResult } from './evidence.ts';
import type { LeasedAttempt } from './leased-attempt.ts';

/**
 * What the actor causes. Each is safe to repeat, tries again by itself while that may help, and ends when its signal
 * aborts. `run` leaves the containers to `clear`.
 */
export type SlotEffects = {
  start(leased: LeasedAttempt, signal: AbortSignal): Promise<StartAnswer>;
  run(leased: LeasedAttempt, signal: AbortSignal): Promise<AttemptResult>;
  record(leased: LeasedAttempt, result: AttemptResult, signal: AbortSignal): Promise<void>;
  clear(leased: LeasedAttempt, isStopping: boolean, signal: AbortSignal): Promise<void>;
  release(leased: LeasedAttempt, reason: string, signal: AbortSignal): Promise<void>;
};
export type StartAnswer = { readonly kind: 'started' } | { readonly kind: 'refused'; readonly reason: string };

export type SlotSignal =
  | { readonly type: 'leased'; readonly leased: LeasedAttempt }
  | { readonly type: 'leaseEnded'; readonly fencingToken: number }
  | {
      readonly type: 'cancelled';
      readonly submissionId: string;
      readonly run: string;
      readonly attempt: number;
      readonly fencingToken: number;
    }
  | { readonly type: 'stop' };

export type SlotContext = {
  readonly effects: SlotEffects;
  readonly leased: LeasedAttempt | null;
  /** A lease that came before the last one was released in our eyes. */
  readonly next: LeasedAttempt | null;
  /** Tokens up to this one are known: a lease delivered twice is one lease. */
  readonly lastToken: number;
  readonly result: AttemptResult | null;
  readonly releaseReason: string;
  readonly isStopping: boolean;
};

const noAttempt = { leased: null, result: null, releaseReason: attemptEnded };

function heldLease({ leased }: SlotContext): LeasedAttempt {
  if (leased === null) throw new Error('the slot has no lease in this state');
  return leased;
}

function heldResult({ result }: SlotContext): AttemptResult {
  if (result === null) throw new Error('the attempt has no result in this state');
  return result;
}

function concernsAttempt({ leased }: SlotContext, event: SlotSignal): boolean {
  if (leased === null) return false;
  const { lease } = leased;
  if (event.type === 'leaseEnded') return lease.fencingToken === event.fencingToken;
  if (event.type !== 'cancelled') return false;
  const isSameRun = lease.submissionId === event.submissionId && lease.run === event.run;
  return isSameRun && lease.attempt === event.attempt && lease.fencingToken === event.fencingToken;
}

const machineSetup = setup({
  // XState takes its types from this value, and never reads it.
  types: {} as { context: SlotContext; events: SlotSignal; input: SlotEffects },
  actors: {
    start: fromPromise<StartAnswer, SlotContext>(({ input, signal }) => input.effects.start(heldLease(input), signal)),
    run: fromPromise<AttemptResult, SlotContext>(({ input, signal }) => input.effects.run(heldLease(input), signal)),
    record: fromPromise<void, SlotContext>(({ input, signal }) =>
      input.effects.record(heldLease(input), heldResult(input), signal),
    ),
    clear: fromPromise<void, SlotContext>(({ input, signal }) =>
      input.effects.clear(heldLease(input), input.isStopping, signal),
    ),
    release: fromPromise<void, SlotContext>(({ input, signal }) =>
      input.effects.release(heldLease(input), input.releaseReason, signal),
    ),
  },
  guards: {
    isNewLease: ({ context, event }) => event.type === 'leased' && event.leased.lease.fencingToken > context.lastToken,
    concernsAttempt: ({ context, event }) => concernsAttempt(context, event),
    endsNext: ({ context, event }) =>
      event.type === 'leaseEnded' && context.next?.lease.fencingToken === event.fencingToken,
    hasNext: ({ context }) => context.next !== null,
    isStopping: ({ context }) => context.isStopping,
    /** A result that isn't recorded in this life is measured again in the next one. */
    keepsLease: ({ context }) =>
      context.isStopping && context.releaseReason === attemptEnded && context.result === null,
  },
  actions: {
    keepForLater: assign(({ event }) =>
      event.type === 'leased' ? { next: event.leased, lastToken: event.leased.lease.fencingToken } : {},
    ),
    dropNext: assign({ next: null }),
    takeNext: assign(({ context }) => ({ ...noAttempt, leased: context.next, next: null })),
    forgetAttempt: assign(noAttempt),
    markStopping: assign({ isStopping: true }),
    markCancelled: assign({ releaseReason: 'cancelled' }),
    markExpired: assign({
      result: faultResult('leaseExpired', 'The lease expired while the attempt was running.'),
      releaseReason: 'expired',
    }),
  },
});

/** A machine's effects come as its input, so that the machine itself is one value, and can be drawn. */
export const slotMachine = machineSetup.createMachine({
  id: 'slot',
  context: ({ input }) => ({ ...noAttempt, effects: input, next: null, lastToken: 0, isStopping: false }),
  initial: 'idle',
  on: {
    leased: { guard: 'isNewLease', actions: 'keepForLater' },
    leaseEnded: { guard: 'endsNext', actions: 'dropNext' },
    stop: { actions: 'markStopping' },
  },
  states: {
    idle: {
      entry: 'forgetAttempt',
      always: [
        { guard: 'isStopping', target: 'stopped' },
        { guard: 'hasNext', target: 'starting', actions: 'takeNext' },
      ],
    },
    starting: {
      invoke: {
        src: 'start',
        input: ({ context }) => context,
        onDone: [
          { guard: ({ event }) => event.output.kind === 'started', target: 'running' },
          {
            target: 'clearing',
            actions: assign(({ event }) =>
              event.output.kind === 'refused' ? { releaseReason: event.output.reason } : {},
            ),
          },
        ],
      },
      on: {
        leaseEnded: { guard: 'concernsAttempt', target: 'recording', actions: 'markExpired' },
        cancelled: { guard: 'concernsAttempt', target: 'clearing', actions: 'markCancelled' },
        stop: { target: 'clearing', actions: 'markStopping' },
      },
    },
    running: {
      invoke: {
        src: 'run',
        input: ({ context }) => context,
        onDone: { target: 'recording', actions: assign(({ event }) => ({ result: event.output })) },
      },
      on: {
        leaseEnded: { guard: 'concernsAttempt', target: 'recording', actions: 'markExpired' },
        cancelled: { guard: 'concernsAttempt', target: 'clearing', actions: 'markCancelled' },
        stop: { target: 'clearing', actions: 'markStopping' },
      },
    },
    recording: {
      invoke: { src: 'record', input: ({ context }) => context, onDone: 'clearing' },
    },
    clearing: {
      invoke: {
        src: 'clear',
        input: ({ context }) => context,
        onDone: [{ guard: 'keepsLease', target: 'stopped' }, { target: 'releasing' }],
      },
    },
    releasing: {
      invoke: { src: 'release', input: ({ context }) => context, onDone: 'idle' },
    },
    stopped: { type: 'final' },
  },
});

export type SlotActor = ActorRefFrom<typeof slotMachine>;

import { setMaxListeners } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import type { EventStoreDBClient } from '@eventstore/db-client';
import { LogUnavailableError } from '../domain/ports/event-log-errors.ts';
import { kurrentFault, unreachable } from './kurrent-faults.ts';
import { type KurrentLocation, kurrentClient } from './kurrent-location.ts';

/** How long and how often a cluster without a leader is asked again. A new leader is elected within a few seconds. */
export type Patience = {
  readonly firstBackoffMs: number;
  readonly longestBackoffMs: number;
  /** A question that began longer ago isn't asked again. */
  readonly patienceMs: number;
  /** A read that takes longer is given up and asked again. */
  readonly readTimeoutMs: number;
};

export const defaultPatience: Patience = {
  firstBackoffMs: 50,
  longestBackoffMs: 2_000,
  patienceMs: 15_000,
  readTimeoutMs: 30_000,
};

/**
 * One client, and what happens when the cluster doesn't answer: questions that meet a lost node or leader are asked
 * again with growing pauses, until they are answered or patience runs out. The client itself turns to the leader that
 * a node names, and looks for another node when one is gone.
 */
export type KurrentConnection = {
  readonly client: EventStoreDBClient;
  readonly location: KurrentLocation;
  readonly patience: Patience;
  /** Aborts when the log is closed. */
  readonly closing: AbortSignal;
  /** Asks until there is an answer. Throws `LogUnavailableError`, or what no other try would change. The question must be safe to repeat. */
  ask<T>(question: (client: EventStoreDBClient) => Promise<T>): Promise<T>;
  assertOpen(): void;
  /** From now on nothing is begun, and nothing asked again. */
  refuse(): void;
  /** Breaks off whatever is still asked. */
  dispose(): Promise<void>;
};

export function kurrentConnection(location: KurrentLocation, patience = defaultPatience): KurrentConnection {
  const client = kurrentClient(location);
  const closing = new AbortController();
  const { signal } = closing;
  // Every question that waits for its next try listens.
  setMaxListeners(0, signal);

  function assertOpen(): void {
    if (signal.aborted) throw new LogUnavailableError('closed', 'the event log is closed');
  }

  async function ask<T>(question: (client: EventStoreDBClient) => Promise<T>): Promise<T> {
    const until = Date.now() + patience.patienceMs;
    for (let failures = 1; ; failures += 1) {
      try {
        return await question(client);
      } catch (error) {
        const fault = kurrentFault(location.shown, error);
        if (fault.kind === 'lasting') throw fault.error;
        if (signal.aborted || Date.now() >= until) throw unreachable(location.shown, error);
        await delay(backoffMs(patience, failures), undefined, { signal }).catch(() => {});
      }
    }
  }

  return {
    ...{ client, location, patience, closing: signal, ask, assertOpen },
    refuse: () => closing.abort(),
    dispose: () => client.dispose(),
  };
}

/** Doubles with every failure in a row, by chance a little less, so that many clients don't come back at once. */
export function backoffMs({ firstBackoffMs, longestBackoffMs }: Patience, failures: number): number {
  return Math.min(longestBackoffMs, firstBackoffMs * 2 ** (failures - 1)) * (0.5 + Math.random() / 2);
}

import { toDomainEvent } from '../domain/event-catalog.ts';
import type { BlobReference } from '../domain/ports/blobs.ts';
import type { EventLog } from '../domain/ports/event-log.ts';
import type { Lease } from '../domain/slot/slot.ts';
import { refereeLost } from './outcome.ts';

/** A lease that this executor holds, and the event that granted it. */
export type LeasedAttempt = {
  readonly lease: Lease;
  /** Commands about the attempt derive their ids from it: a retry is the same command. */
  readonly grantedBy: string;
};

const pageSize = 512;

/** Folds a slot's stream to its active lease: what an executor has to go on with after a restart. */
export async function activeLease(
  log: Pick<EventLog, 'readStream'>,
  slotStream: string,
): Promise<LeasedAttempt | null> {
  let active: LeasedAttempt | null = null;
  let next = 0;
  for (;;) {
    const page = await log.readStream(slotStream, next, pageSize);
    for (const { envelope, revision } of page) {
      const event = toDomainEvent(envelope);
      if (event.type === 'LeaseGranted') active = { lease: event.data, grantedBy: envelope.id };
      if (event.type === 'LeaseReleased' || event.type === 'LeaseExpired') active = null;
      next = revision + 1;
    }
    if (page.length < pageSize) return active;
  }
}

export type AbortedAttempts = {
  /** A contestant before which the referee dies twice had a hand in it. */
  readonly refereeDeaths: number;
  readonly committed: readonly { readonly attempt: number; readonly commitments: BlobReference }[];
};

/** The attempts of a run that ended by our fault. */
export async function abortedAttempts(
  log: Pick<EventLog, 'readStream'>,
  submissionStream: string,
  run: string,
): Promise<AbortedAttempts> {
  let [refereeDeaths, next] = [0, 0];
  const committed: AbortedAttempts['committed'][number][] = [];
  for (;;) {
    const page = await log.readStream(submissionStream, next, pageSize);
    for (const { envelope, revision } of page) {
      next = revision + 1;
      const event = envelope.type === 'AttemptAborted' ? toDomainEvent(envelope) : null;
      if (event?.type !== 'AttemptAborted' || event.data.run !== run) continue;
      const { attempt, reason, commitments } = event.data;
      if (reason === refereeLost) refereeDeaths += 1;
      if (commitments !== null) committed.push({ attempt, commitments });
    }
    if (page.length < pageSize) return { refereeDeaths, committed };
  }
}

import type { EventEnvelope, Fact } from '../../domain/event.ts';
import { deriveId } from '../../domain/ids.ts';
import type { JsonObject } from '../../domain/json.ts';
import type { EventLog } from '../../domain/ports/event-log.ts';
import { slotStream } from '../../domain/slot/events.ts';
import { submissionStream } from '../../domain/submission/events.ts';
import { completed, fact, instant } from '../../test/domain/submission-examples.ts';

type Happened = readonly [stream: string, event: Fact];

const hotkeys = 1_000;
const slots = 8;
/** Submissions appended at once: their appends share commits. */
const batch = 32;

/**
 * Fills a log up to `events` with submissions that were leased, measured and completed, one after the other, as a service
 * would have recorded them; the same events at every call, so that a longer log begins like a shorter one.
 */
export async function fillLog(log: EventLog, events: number): Promise<void> {
  let position = await log.head();
  for (let next = Math.floor(position / lifeOf(0).length); position < events; next += batch) {
    const lives = Array.from({ length: batch }, (_, index) => lifeOf(next + index));
    await Promise.all(lives.map((life, index) => appendLife(log, life, next + index)));
    position = await log.head();
  }
}

async function appendLife(log: EventLog, life: readonly Happened[], index: number): Promise<void> {
  for (const stream of new Set(life.map(([name]) => name))) {
    const envelopes = life.flatMap(([name, event], place) =>
      name === stream ? [envelopeOf(name, event, `${index} ${place}`, instant(index * life.length + place))] : [],
    );
    await log.append(stream, 'any', envelopes);
  }
}

function lifeOf(index: number): readonly Happened[] {
  const submissionId = deriveId('bench submission', index);
  const stream = submissionStream(submissionId);
  const slot = slotStream('bench', `cpu${index % slots}`);
  const fencingToken = Math.floor(index / slots) + 1;
  const own = completed.map((event) =>
    event.type === 'SubmissionReceived'
      ? fact('SubmissionReceived', receiptOf(event.data, index, submissionId))
      : event,
  );
  const granted = { submissionId, run: 'score', attempt: 1, fencingToken, deadlineAt: instant(index + 2_000) };
  return [
    ...own.map((event): Happened => [stream, event]),
    [slot, { type: 'LeaseGranted', data: granted }],
    [slot, { type: 'LeaseReleased', data: { fencingToken, reason: 'attemptEnded' } }],
  ];
}

function receiptOf<Receipt extends object>(receipt: Receipt, index: number, submissionId: string) {
  const hotkey = `hotkey-${index % hotkeys}`;
  return { ...receipt, submissionId, hotkey, epoch: Math.floor(index / 500), receivedAt: instant(index) };
}

function envelopeOf(stream: string, event: Fact, name: string, recordedAt: string): EventEnvelope {
  return {
    id: deriveId('bench event', stream, name),
    type: event.type,
    schemaVersion: 1,
    stream,
    recordedAt,
    correlationId: stream,
    causationId: deriveId('bench command', stream, name),
    data: event.data as JsonObject,
  };
}

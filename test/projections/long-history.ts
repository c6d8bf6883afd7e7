import { deriveId } from '../../domain/ids.ts';
import type { EventLog } from '../../domain/ports/event-log.ts';
import { slotStream } from '../../domain/slot/events.ts';
import { submissionStream } from '../../domain/submission/events.ts';
import { completed, fact, instant } from '../domain/submission-examples.ts';
import { envelope, type Happened, policyActivated, slotRegistered } from './fixtures.ts';

const hotkeys = 1_000;
const slots = 8;
/** Submissions appended at once: their appends share commits. */
const batch = 32;

/**
 * Fills a log up to at least `events` with submissions that were leased, measured and completed, one after the other, as a
 * service would have recorded them; the same events at every call, so that a longer log begins like a shorter one.
 */
export async function fillLog(log: EventLog, events: number): Promise<void> {
  await Promise.all(beginning.map(([stream, event]) => append(log, stream, [event], 'beginning')));
  let position = await log.head();
  for (let next = Math.floor((position - beginning.length) / lifeOf(0).length); position < events; next += batch) {
    const lives = Array.from({ length: batch }, (_, index) => next + index);
    await Promise.all(lives.flatMap((index) => appendLife(log, index)));
    position = await log.head();
  }
}

const beginning: readonly Happened[] = [
  policyActivated,
  ...Array.from({ length: slots }, (_, index): Happened => [slotOf(index), slotRegistered(`cpu${index}`)]),
];

function slotOf(index: number): string {
  return slotStream('bench', `cpu${index % slots}`);
}

function appendLife(log: EventLog, index: number): readonly Promise<unknown>[] {
  const life = lifeOf(index);
  return [...new Set(life.map(([stream]) => stream))].map((stream) =>
    append(
      log,
      stream,
      life.flatMap(([name, event]) => (name === stream ? [event] : [])),
      `life ${index}`,
    ),
  );
}

async function append(log: EventLog, stream: string, events: readonly Happened[1][], name: string): Promise<void> {
  const envelopes = events.map((event, place) => envelope(`${name} ${place}`, stream, event, instant(place)));
  await log.append(stream, 'any', envelopes);
}

function lifeOf(index: number): readonly Happened[] {
  const submissionId = deriveId('bench submission', index);
  const stream = submissionStream(submissionId);
  const slot = slotOf(index);
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

import { Readable } from 'node:stream';
import { toAttachment } from '../../domain/blob-digest.ts';
import type { RecordedEvent } from '../../domain/event.ts';
import type { EventLog } from '../../domain/ports/event-log.ts';
import type { Storage } from '../../storage/open-storage.ts';
import { eventNamed } from './fixtures.ts';

/**
 * Appends the `number`-th event of a history: to one of three streams, naming a small blob that comes with it, and every
 * fourth a large one too.
 */
export async function appendOne({ log, blobs }: Pick<Storage, 'log' | 'blobs'>, number: number): Promise<void> {
  const small = toAttachment(Buffer.from(`small ${number}`));
  const large = number % 4 === 0 ? await blobs.put(Readable.from([Buffer.alloc(200_000, `large ${number}`)])) : null;
  const stream = `stream-${number % 3}`;
  const event = eventNamed(`${number}`, stream, { nested: { small: small.reference }, blobs: [large] });
  await log.append(stream, 'any', [event], [small.attachment]);
}

export async function everything(log: Pick<EventLog, 'readAll'>): Promise<readonly RecordedEvent[]> {
  const all: RecordedEvent[] = [];
  for (;;) {
    const page = await log.readAll(all.at(-1)?.position ?? 0, 1_000);
    if (page.length === 0) return all;
    all.push(...page);
  }
}

export function textsOf(events: readonly RecordedEvent[]): readonly string[] {
  return events.map(({ bytes }) => Buffer.from(bytes).toString('utf8'));
}

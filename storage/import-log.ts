/**
 * Puts an exported log into another, through the ports.
 *
 * Every event goes to the revision that it had, so it meets a conflict where the log has a history of its own, and
 * again is the same append: an import that broke off is simply run again. What each append came to is read back and
 * compared by digest; a log that holds other bytes under the id of an event is found. Blobs are durable before the
 * events that name them.
 *
 * Does not look whether a service writes to the same log meanwhile: import before the first one starts.
 */
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { sha256Hex } from '../domain/blob-digest.ts';
import { attachmentLimitBytes, type Blobs } from '../domain/ports/blobs.ts';
import type { EventLog } from '../domain/ports/event-log.ts';
import { type ExportEnd, type ExportedEvent, type ExportLine, exportLineSchema } from './export-format.ts';
import { logDigest } from './log-digest.ts';
import { logPages } from './log-pages.ts';
import { decodeEnvelope, encodeEnvelope } from './stored-event.ts';

/** The lines aren't a whole, unchanged export. */
export class DamagedExportError extends Error {
  override readonly name = 'DamagedExportError';
}

/** The log holds a history of its own where an imported event would stand. */
export class DivergedLogError extends Error {
  override readonly name = 'DivergedLogError';
}

export type ImportOptions = {
  readonly lines: AsyncIterable<string>;
  readonly log: Pick<EventLog, 'append' | 'readAll'>;
  readonly blobs: Pick<Blobs, 'put'>;
  /** Appends that may be under way at once: more than 1 only on a log that gives places in the order in which it was asked. */
  readonly atOnce: number;
  readonly onProgress?: (events: number) => void;
};

type BlobLine = Extract<ExportLine, { kind: 'blob' }>;
type Lines = AsyncGenerator<ExportLine, void, undefined>;

/** Throws `DamagedExportError`, `DivergedLogError`, or the log's fault; what came before stays, and may be imported again. */
export async function importLog(options: ImportOptions): Promise<ExportEnd> {
  const source = parsedLines(options.lines);
  const first = await source.next();
  if (first.done || first.value.kind !== 'log') throw new DamagedExportError('the first line is no beginning of a log');
  const digest = logDigest();
  const window = openWindow(options);
  let blobs = 0;
  for await (const line of source) {
    switch (line.kind) {
      case 'event':
        if (digest.add(textBytes(line)) !== line.sha256)
          throw new DamagedExportError(`event ${line.position} was changed`);
        await window.addEvent(line);
        break;
      case 'blob':
        await window.addBlob(line, await contentOf(line, source));
        blobs += 1;
        break;
      case 'end':
        await window.flush();
        return checkedEnd(line, { kind: 'end', blobs, ...digest.summary() });
      default:
        throw new DamagedExportError(`a line of kind ${line.kind} stands in no place for it`);
    }
  }
  throw new DamagedExportError('the export was cut off: its last line is missing');
}

/** Collects small blobs and events, and writes them together: first the blobs, then the events, in their order. */
function openWindow({ log, blobs, atOnce, onProgress }: ImportOptions) {
  let events: ExportedEvent[] = [];
  let small: { readonly sha256: string; readonly bytes: Uint8Array }[] = [];
  let imported = 0;

  async function flush(): Promise<void> {
    await Promise.all(small.map(({ sha256, bytes }) => putChecked(blobs, sha256, bytes)));
    await appendAll(log, events);
    imported += events.length;
    [events, small] = [[], []];
    onProgress?.(imported);
  }

  return {
    flush,
    async addEvent(event: ExportedEvent): Promise<void> {
      events.push(event);
      if (events.length === atOnce) await flush();
    },
    async addBlob({ sha256 }: BlobLine, content: Uint8Array | Readable): Promise<void> {
      if (content instanceof Readable) return putChecked(blobs, sha256, content);
      small.push({ sha256, bytes: content });
      if (small.length === atOnce) await flush();
    },
  };
}

async function* parsedLines(lines: AsyncIterable<string>): Lines {
  let number = 0;
  for await (const line of lines) {
    number += 1;
    try {
      yield exportLineSchema.parse(JSON.parse(line));
    } catch (cause) {
      throw new DamagedExportError(`line ${number} is none of an exported log`, { cause });
    }
  }
}

function textBytes({ text }: ExportedEvent): Buffer {
  return Buffer.from(text, 'utf8');
}

type Log = ImportOptions['log'];

/** Appends, and compares what the log then holds. */
async function appendAll(log: Log, events: readonly ExportedEvent[]): Promise<void> {
  if (events.length === 0) return;
  const positions = await Promise.all(events.map((event) => append(log, event)));
  const stored = new Set<string>();
  for await (const page of logPages(log, Math.min(...positions) - 1, Math.max(...positions))) {
    for (const { bytes } of page) stored.add(sha256Hex(bytes));
  }
  const changed = events.find(({ sha256 }) => !stored.has(sha256));
  if (changed !== undefined)
    throw new DivergedLogError(`the log holds other bytes for the event at ${placeOf(changed)}`);
}

/** Resolves to the event's position in this log. */
async function append(log: Log, event: ExportedEvent): Promise<number> {
  const envelope = decodeEnvelope(textBytes(event));
  if (!textBytes(event).equals(encodeEnvelope(envelope))) {
    throw new DamagedExportError(`the event at ${placeOf(event)} isn't canonical JSON`);
  }
  const expected = event.revision === 0 ? 'noStream' : event.revision - 1;
  const result = await log.append(envelope.stream, expected, [envelope]);
  if (result.kind === 'appended' && result.revision === event.revision) return result.position;
  const actual = result.kind === 'appended' ? result.revision : result.actual;
  throw new DivergedLogError(`${envelope.stream} is at ${actual} where the event at ${placeOf(event)} belongs`);
}

function placeOf({ position, revision }: ExportedEvent): string {
  return `position ${position}, revision ${revision}`;
}

/** A blob's bytes, from the lines that follow it; of a large one as a stream, to be read before the next line. */
async function contentOf({ bytes }: BlobLine, source: Lines): Promise<Uint8Array | Readable> {
  const content = Readable.from(partsOf(source, bytes), { objectMode: false });
  return bytes > attachmentLimitBytes ? content : buffer(content);
}

async function putChecked(
  blobs: ImportOptions['blobs'],
  sha256: string,
  content: Uint8Array | Readable,
): Promise<void> {
  const stored = await blobs.put(content);
  if (stored.sha256 !== sha256) throw new DamagedExportError(`blob ${sha256} was changed`);
}

async function* partsOf(source: Lines, bytes: number): AsyncGenerator<Uint8Array, void, undefined> {
  for (let read = 0; read < bytes; ) {
    const next = await source.next();
    if (next.done || next.value.kind !== 'part') throw new DamagedExportError('a blob was cut off');
    const part = Buffer.from(next.value.base64, 'base64');
    read += part.byteLength;
    yield part;
  }
}

function checkedEnd(said: ExportEnd, actual: ExportEnd): ExportEnd {
  if (said.events === actual.events && said.blobs === actual.blobs && said.digest === actual.digest) return said;
  throw new DamagedExportError(
    `${said.events} events and ${said.blobs} blobs were exported, ${actual.events} and ${actual.blobs} came`,
  );
}

import type { Readable } from 'node:stream';
import { UnknownBlobError } from '../domain/blob-digest.ts';
import { blobsNamedIn } from '../domain/blob-references.ts';
import type { RecordedEvent } from '../domain/event.ts';
import type { Blobs } from '../domain/ports/blobs.ts';
import type { EventLog } from '../domain/ports/event-log.ts';
import { bytesOf } from './byte-stream.ts';
import { type ExportLine, exportVersion } from './export-format.ts';
import { logDigest } from './log-digest.ts';
import { logPages } from './log-pages.ts';

/** A multiple of 3, so that no part but the last is padded. */
const partBytes = 98_304;

export type ExportOptions = {
  readonly log: Pick<EventLog, 'head' | 'readAll'>;
  /** Null: without blobs. */
  readonly blobs: Pick<Blobs, 'open'> | null;
  readonly onProgress?: (position: number, head: number) => void;
  readonly onMissingBlob?: (sha256: string) => void;
};

/** The log up to its head of now, as lines. Reads through the ports, a page at a time. */
export async function* exportLog(options: ExportOptions): AsyncGenerator<ExportLine, void, undefined> {
  const { log, onProgress } = options;
  const head = await log.head();
  const digest = logDigest();
  const named = new Set<string>();
  let blobs = 0;
  yield { kind: 'log', version: exportVersion };
  for await (const page of logPages(log, 0, head)) {
    for (const recorded of page) {
      for (const { sha256, bytes } of options.blobs === null ? [] : blobsNamedIn(recorded.envelope.data)) {
        if (named.has(sha256)) continue;
        named.add(sha256);
        const content = await openIfThere(options.blobs, sha256, options.onMissingBlob);
        if (content === null) continue;
        blobs += 1;
        yield { kind: 'blob', sha256, bytes };
        yield* parts(content);
      }
      yield eventLine(recorded, digest.add(recorded.bytes));
    }
    onProgress?.(page.at(-1)?.position ?? head, head);
  }
  yield { kind: 'end', blobs, ...digest.summary() };
}

function eventLine({ position, revision, bytes }: RecordedEvent, sha256: string): ExportLine {
  return { kind: 'event', position, revision, sha256, text: Buffer.from(bytes).toString('utf8') };
}

/** Parts of one size, whatever chunks the store gives: the same log is the same lines from any adapter. */
async function* parts(content: Readable): AsyncGenerator<ExportLine, void, undefined> {
  let rest: Uint8Array = Buffer.alloc(0);
  for await (const chunk of bytesOf(content)) {
    rest = Buffer.concat([rest, chunk]);
    for (; rest.byteLength >= partBytes; rest = rest.subarray(partBytes)) yield part(rest.subarray(0, partBytes));
  }
  if (rest.byteLength > 0) yield part(rest);
}

function part(bytes: Uint8Array): ExportLine {
  return { kind: 'part', base64: Buffer.from(bytes).toString('base64') };
}

async function openIfThere(
  blobs: Pick<Blobs, 'open'> | null,
  sha256: string,
  onMissing: ExportOptions['onMissingBlob'],
): Promise<Readable | null> {
  try {
    return (await blobs?.open(sha256)) ?? null;
  } catch (error) {
    if (!(error instanceof UnknownBlobError)) throw error;
    onMissing?.(sha256);
    return null;
  }
}

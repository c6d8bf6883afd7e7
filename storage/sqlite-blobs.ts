import { Readable } from 'node:stream';
import type { Database } from 'better-sqlite3';
import { toAttachment, UnknownBlobError } from '../domain/blob-digest.ts';
import type { Blobs } from '../domain/ports/blobs.ts';
import type { Attachment } from '../domain/ports/event-log.ts';
import { readBeginning } from './byte-stream.ts';
import { verified } from './verified-stream.ts';

/** Blobs are named by their digest, so there is never a reason to change one. */
export const blobsTableSql = `
  CREATE TABLE blobs (
    sha256 TEXT NOT NULL UNIQUE,
    bytes  BLOB NOT NULL
  ) STRICT;
  CREATE TRIGGER blobs_are_not_updated BEFORE UPDATE ON blobs
    BEGIN SELECT RAISE(ABORT, 'blobs are named by their digest and never change'); END;
  CREATE TRIGGER blobs_are_not_deleted BEFORE DELETE ON blobs
    BEGIN SELECT RAISE(ABORT, 'the event log is append-only, blobs included'); END;
`;

/** All SQL on `blobs`. */
export type BlobsTable = {
  insert(blob: Attachment): void;
  bytes(sha256: string): Uint8Array | null;
  has(sha256: string): boolean;
};

export function blobsTable(db: Database): BlobsTable {
  const insert = db.prepare<[string, Uint8Array]>(
    'INSERT INTO blobs (sha256, bytes) VALUES (?, ?) ON CONFLICT (sha256) DO NOTHING',
  );
  const select = db.prepare<[string], Uint8Array>('SELECT bytes FROM blobs WHERE sha256 = ?').pluck();
  const exists = db.prepare<[string], number>('SELECT 1 FROM blobs WHERE sha256 = ?').pluck();
  return {
    insert({ sha256, bytes }) {
      insert.run(sha256, bytes);
    },
    bytes: (sha256) => select.get(sha256) ?? null,
    has: (sha256) => exists.get(sha256) === 1,
  };
}

/** More than this doesn't belong into a row of the event log's file. */
export const sqliteBlobLimitBytes = 16 * 1_048_576;

/** A blob for which its place is too small. */
export class BlobTooLargeError extends Error {
  override readonly name = 'BlobTooLargeError';
}

/** How the event log lets others use its file: reads wait for locks, writes share its commits. */
export type SqliteAccess = {
  read<T>(query: () => T): Promise<T>;
  write<T>(work: () => T): Promise<T>;
};

/** Blobs in the event log's file, durable by the same fsync as the appends beside them. */
export function sqliteBlobs(table: BlobsTable, access: SqliteAccess): Blobs {
  return {
    async put(content) {
      const { reference, attachment } = toAttachment(await wholeOf(content));
      await access.write(() => table.insert(attachment));
      return reference;
    },
    async open(sha256) {
      const bytes = await access.read(() => table.bytes(sha256));
      if (bytes === null) throw new UnknownBlobError(sha256);
      return verified(Readable.from([bytes], { objectMode: false }), sha256);
    },
    has: (sha256) => access.read(() => table.has(sha256)),
  };
}

async function wholeOf(content: Uint8Array | Readable): Promise<Uint8Array> {
  if (content instanceof Uint8Array && content.byteLength <= sqliteBlobLimitBytes) return content;
  if (content instanceof Readable) {
    const beginning = await readBeginning(content, sqliteBlobLimitBytes);
    if (beginning.kind === 'whole') return beginning.bytes;
    content.destroy();
  }
  throw new BlobTooLargeError(`a blob in the event log's file has at most ${sqliteBlobLimitBytes} bytes`);
}

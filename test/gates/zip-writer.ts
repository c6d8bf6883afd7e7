import { crc32, deflateRawSync } from 'node:zlib';

/** One entry as a hostile writer may write it. What is left out is honest. */
export type WrittenEntry = {
  readonly name: string | Buffer;
  readonly content?: string | Uint8Array;
  readonly method?: number;
  /** The bytes that stand for the content, instead of what `method` makes of it. */
  readonly compressed?: Uint8Array;
  readonly flags?: number;
  readonly mode?: number;
  readonly contentBytes?: number;
  readonly compressedBytes?: number;
  readonly crc?: number;
  readonly offset?: number;
  readonly extra?: Uint8Array;
  readonly localExtra?: Uint8Array;
  readonly descriptor?: 'signed' | 'unsigned';
  /** Where the entry's own header says something else than the directory. */
  readonly local?: {
    readonly name?: string;
    readonly method?: number;
    readonly flags?: number;
    readonly contentBytes?: number;
  };
  /** The directory names the entry, but no bytes of its own are written: `offset` borrows another's. */
  readonly directoryOnly?: boolean;
  /** Bytes are written, but the directory doesn't name them. */
  readonly localOnly?: boolean;
};

export type WrittenEnd = {
  readonly prefix?: Uint8Array;
  readonly suffix?: Uint8Array;
  readonly comment?: Uint8Array;
  readonly count?: number;
  readonly disk?: number;
  readonly directoryOffset?: number;
  readonly beforeEnd?: Uint8Array;
  readonly afterEntries?: Uint8Array;
};

const empty = Buffer.alloc(0);

/** Writes an archive byte by byte, lies included (APPNOTE 6.3.10 §4.3). */
export function writeZip(entries: readonly WrittenEntry[], end: WrittenEnd = {}): Buffer {
  const parts: Uint8Array[] = [end.prefix ?? empty];
  const headers: Buffer[] = [];
  let at = parts[0]?.length ?? 0;
  for (const entry of entries) {
    const made = makeEntry(entry, at);
    if (entry.localOnly !== true) headers.push(made.central);
    if (entry.directoryOnly === true) continue;
    parts.push(made.local);
    at += made.local.length;
  }
  const after = end.afterEntries ?? empty;
  const directory = Buffer.concat(headers);
  const comment = end.comment ?? empty;
  const record = Buffer.alloc(22);
  record.writeUInt32LE(0x06054b50, 0);
  record.writeUInt16LE(end.disk ?? 0, 4);
  record.writeUInt16LE(end.count ?? headers.length, 8);
  record.writeUInt16LE(end.count ?? headers.length, 10);
  record.writeUInt32LE(directory.length, 12);
  record.writeUInt32LE(end.directoryOffset ?? at + after.length, 16);
  record.writeUInt16LE(comment.length, 20);
  return Buffer.concat([...parts, after, directory, end.beforeEnd ?? empty, record, comment, end.suffix ?? empty]);
}

function makeEntry(entry: WrittenEntry, at: number): { local: Buffer; central: Buffer } {
  const content = Buffer.from(entry.content ?? '');
  const method = entry.method ?? 8;
  const body = entry.compressed ?? (method === 8 ? deflateRawSync(content) : content);
  const name = Buffer.from(entry.name);
  const ascii = name.every((byte) => byte < 0x80);
  const flags = (entry.flags ?? 0) | (entry.descriptor === undefined ? 0 : 0x08) | (ascii ? 0 : 0x800);
  const numbers = [
    entry.crc ?? crc32(content),
    entry.compressedBytes ?? body.length,
    entry.contentBytes ?? content.length,
  ];
  const local = localHeader(entry, { name, method, flags, numbers });
  const central = centralHeader(entry, { name, method, flags, numbers, offset: entry.offset ?? at });
  return { local: Buffer.concat([local, body, descriptorOf(entry, numbers)]), central };
}

type Stated = {
  readonly name: Buffer;
  readonly method: number;
  readonly flags: number;
  readonly numbers: readonly number[];
};

function localHeader(entry: WrittenEntry, stated: Stated): Buffer {
  const header = Buffer.alloc(30);
  const name = entry.local?.name === undefined ? stated.name : Buffer.from(entry.local.name);
  const extra = entry.localExtra ?? entry.extra ?? empty;
  header.writeUInt32LE(0x04034b50, 0);
  header.writeUInt16LE(20, 4);
  header.writeUInt16LE(entry.local?.flags ?? stated.flags, 6);
  header.writeUInt16LE(entry.local?.method ?? stated.method, 8);
  const numbers = entry.descriptor === undefined ? stated.numbers : [0, 0, 0];
  for (const [index, value] of numbers.entries()) header.writeUInt32LE(value, 14 + 4 * index);
  if (entry.local?.contentBytes !== undefined) header.writeUInt32LE(entry.local.contentBytes, 22);
  header.writeUInt16LE(name.length, 26);
  header.writeUInt16LE(extra.length, 28);
  return Buffer.concat([header, name, extra]);
}

function centralHeader(entry: WrittenEntry, stated: Stated & { readonly offset: number }): Buffer {
  const header = Buffer.alloc(46);
  const extra = entry.extra ?? empty;
  header.writeUInt32LE(0x02014b50, 0);
  header.writeUInt16LE((3 << 8) | 20, 4);
  header.writeUInt16LE(20, 6);
  header.writeUInt16LE(stated.flags, 8);
  header.writeUInt16LE(stated.method, 10);
  for (const [index, value] of stated.numbers.entries()) header.writeUInt32LE(value, 16 + 4 * index);
  header.writeUInt16LE(stated.name.length, 28);
  header.writeUInt16LE(extra.length, 30);
  header.writeUInt16LE(entry.mode ?? 0o100644, 40);
  header.writeUInt32LE(stated.offset, 42);
  return Buffer.concat([header, stated.name, extra]);
}

function descriptorOf(entry: WrittenEntry, numbers: readonly number[]): Buffer {
  if (entry.descriptor === undefined) return empty;
  const stated = Buffer.alloc(12);
  for (const [index, value] of numbers.entries()) stated.writeUInt32LE(value, 4 * index);
  return entry.descriptor === 'signed' ? Buffer.concat([Buffer.from('PK\x07\x08'), stated]) : stated;
}

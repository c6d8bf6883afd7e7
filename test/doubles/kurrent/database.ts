/**
 * What nodes of a database double agree on: one transaction file. It follows KurrentDB's rules for expected versions,
 * idempotence, deleted streams and positions; it replicates nothing, for all nodes share it.
 */
export type Proposed = {
  readonly id: string;
  readonly type: string;
  readonly contentType: string;
  readonly data: Uint8Array;
  readonly metadata: Uint8Array;
};
export type DatabaseRecord = Proposed & {
  readonly position: number;
  readonly stream: string;
  readonly revision: number;
};
export type Expected = number | 'any' | 'noStream' | 'streamExists';

export type Commit =
  | { readonly kind: 'success'; readonly revision: number; readonly position: number }
  /** −1 for no stream. */
  | { readonly kind: 'wrongExpectedVersion'; readonly current: number }
  | { readonly kind: 'streamDeleted' };

type Stream = { readonly records: DatabaseRecord[]; deletedBefore: number; isTombstoned: boolean };

export type KurrentDatabase = ReturnType<typeof kurrentDatabase>;

export function kurrentDatabase() {
  const all: DatabaseRecord[] = [];
  const streams = new Map<string, Stream>();
  const byId = new Map<string, DatabaseRecord>();
  const listeners = new Set<() => void>();
  let writtenTo = 0;

  function streamOf(name: string): Stream {
    const found = streams.get(name) ?? { records: [], deletedBefore: 0, isTombstoned: false };
    streams.set(name, found);
    return found;
  }

  function write(name: string, events: readonly Proposed[]): Commit {
    const { records } = streamOf(name);
    for (const event of events) {
      const record = { ...event, position: writtenTo, stream: name, revision: records.length };
      // A position is the record's place in the file: the next one is as far away as the record is long.
      writtenTo += 90 + 2 * (name.length + event.type.length) + event.data.byteLength + event.metadata.byteLength;
      all.push(record);
      records.push(record);
      byId.set(event.id, record);
    }
    for (const listener of [...listeners]) listener();
    return success(records.at(-1));
  }

  /** The same ids again behind the expected revision are the same append; other ids there are a conflict. */
  function repeated({ records }: Stream, expected: number, events: readonly Proposed[]): Commit {
    const isSame = events.every(({ id }, index) => records[expected + 1 + index]?.id === id);
    if (isSame) return success(records[expected + events.length]);
    return { kind: 'wrongExpectedVersion', current: records.length - 1 };
  }

  /** Without a revision only the cache of ids can tell, and it looks at the whole append. */
  function repeatedAnywhere(name: string, events: readonly Proposed[]): Commit | null {
    const stored = events.filter(({ id }) => byId.get(id)?.stream === name);
    if (stored.length === 0) return null;
    if (stored.length === events.length) return success(byId.get(stored.at(-1)?.id ?? ''));
    return { kind: 'wrongExpectedVersion', current: streamOf(name).records.length - 1 };
  }

  function append(name: string, expected: Expected, events: readonly Proposed[]): Commit {
    const stream = streamOf(name);
    if (stream.isTombstoned) return { kind: 'streamDeleted' };
    const current = stream.records.length - 1;
    if (expected === 'streamExists' && current < 0) return { kind: 'wrongExpectedVersion', current };
    if (expected === 'any' || expected === 'streamExists') return repeatedAnywhere(name, events) ?? write(name, events);
    const revision = expected === 'noStream' ? -1 : expected;
    if (revision < 0 && current >= 0 && stream.deletedBefore > current) return write(name, events);
    if (revision < current) return repeated(stream, revision, events);
    if (revision > current) return { kind: 'wrongExpectedVersion', current };
    return write(name, events);
  }

  // Every database begins with records of its own.
  write('$users', [systemEvent('00000000-0000-4000-8000-000000000001', '$User')]);
  write('$$$settings', [systemEvent('00000000-0000-4000-8000-000000000002', '$metadata')]);

  return {
    all: all as readonly DatabaseRecord[],
    append,
    /** Events of a stream that aren't deleted; null for no stream. */
    ofStream(name: string): readonly DatabaseRecord[] | 'tombstoned' | null {
      const stream = streams.get(name);
      if (stream?.isTombstoned) return 'tombstoned';
      const left = stream?.records.slice(stream.deletedBefore) ?? [];
      return left.length === 0 ? null : left;
    },
    /** Whether a record begins at a position: only there may a reader start. */
    isPlace: (position: number) => position === 0 || all.some((record) => record.position === position),
    softDelete(name: string): void {
      const stream = streamOf(name);
      stream.deletedBefore = stream.records.length;
    },
    tombstone(name: string): void {
      streamOf(name).isTombstoned = true;
    },
    onCommit(listener: () => void): () => void {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
}

function success(record: DatabaseRecord | undefined): Commit {
  if (record === undefined) throw new Error('an append has at least one event');
  return { kind: 'success', revision: record.revision, position: record.position };
}

function systemEvent(id: string, type: string): Proposed {
  return { id, type, contentType: 'application/json', data: Buffer.from('{}'), metadata: Buffer.alloc(0) };
}

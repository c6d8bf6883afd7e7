import type { AppendResult, Attachment } from '../domain/ports/event-log.ts';
import { LogUnavailableError, MixedAppendError } from '../domain/ports/event-log-errors.ts';
import { isMet } from './expected-revision.ts';
import { appendBehind } from './kurrent-append.ts';
import type { KurrentConnection } from './kurrent-connection.ts';
import { type KnownStream, knownStreams } from './kurrent-known-streams.ts';
import type { KurrentReads } from './kurrent-reads.ts';
import { defaultPageSize } from './page.ts';
import type { PreparedAppend } from './prepared-append.ts';
import type { StoredEvent } from './stored-event.ts';

/**
 * The port's append on top of the database's, which knows less: it looks for an id right behind the expected revision
 * only, or in a cache that forgets.
 *
 * 1. Judge the append by what this process knows of the stream (`kurrent-known-streams.ts`). What is known may be old, so
 *    only "stored already" is final; anything else that isn't an append is judged again after reading the rest of the stream.
 * 2. Append behind the known revision, whatever the caller expected. The database makes sure that nothing came between,
 *    and so that no id was overlooked.
 * 3. On a conflict somebody else was faster, or an earlier try of ours was stored: read on and judge again.
 *
 * Appends of one process to one stream wait for each other; those of several processes meet in the database.
 */
export type KurrentAppends = {
  append(prepared: PreparedAppend): Promise<AppendResult>;
  /** A run of a stream's events was read. */
  note(stream: string, rows: readonly StoredEvent[]): void;
};

type Verdict =
  | { readonly kind: 'stored'; readonly revision: number }
  | { readonly kind: 'mixed'; readonly ids: readonly string[] }
  | { readonly kind: 'conflict'; readonly actual: number | 'noStream' }
  | { readonly kind: 'behind'; readonly revision: number }
  | { readonly kind: 'unknown' };

/** Each round lost means that another process appended to this stream meanwhile. */
const roundsLimit = 100;

export function kurrentAppends(
  connection: KurrentConnection,
  reads: KurrentReads,
  putAttachment: (attachment: Attachment) => Promise<unknown>,
): KurrentAppends {
  const known = knownStreams();
  const inTurn = oneAtATime();

  function note(stream: string, rows: readonly StoredEvent[]): void {
    known.note(stream, rows);
    const last = rows.at(-1);
    if (last !== undefined) reads.noteHead(last.position);
  }

  /** Reads what came after the known revision. */
  async function readOn(stream: string): Promise<void> {
    for (;;) {
      const rows = await reads.ofStream(stream, (known.get(stream)?.revision ?? -1) + 1, defaultPageSize);
      note(stream, rows);
      if (rows.length === 0) known.noteEmpty(stream);
      if (rows.length < defaultPageSize) return;
    }
  }

  async function judgeAnew(prepared: PreparedAppend): Promise<Verdict> {
    await readOn(prepared.stream);
    return judge(prepared, known.get(prepared.stream));
  }

  async function positionOf(stream: string, revision: number): Promise<number> {
    const [row] = await reads.ofStream(stream, revision, 1);
    if (row === undefined) throw new Error(`${stream} has no event ${revision}, which it had before`);
    return row.position;
  }

  async function at(stream: string, revision: number, known: number | null = null): Promise<AppendResult> {
    const position = known ?? (await positionOf(stream, revision));
    reads.noteHead(position);
    return { kind: 'appended', revision, position };
  }

  async function append(prepared: PreparedAppend): Promise<AppendResult> {
    const { stream, events, attachments } = prepared;
    let verdict = judge(prepared, known.get(stream));
    if (verdict.kind !== 'stored' && verdict.kind !== 'behind') verdict = await judgeAnew(prepared);
    if (verdict.kind === 'behind') await Promise.all(attachments.map(putAttachment));
    for (let round = 0; round < roundsLimit && verdict.kind === 'behind'; round += 1) {
      const answer = await appendBehind(connection, prepared, verdict.revision);
      if (answer.kind === 'appended') {
        const first = answer.revision - events.length + 1;
        known.note(stream, toPlaces(events, first));
        return at(stream, answer.revision, answer.position);
      }
      verdict = await judgeAnew(prepared);
    }
    switch (verdict.kind) {
      case 'stored':
        return at(stream, verdict.revision);
      case 'conflict':
        return verdict;
      case 'mixed':
        throw new MixedAppendError(stream, verdict.ids);
      default:
        throw new LogUnavailableError('busy', `${stream}: other writers were faster ${roundsLimit} times in a row`);
    }
  }

  return { note, append: (prepared) => inTurn(prepared.stream, () => append(prepared)) };
}

function toPlaces(events: PreparedAppend['events'], firstRevision: number) {
  return events.map(({ id }, index) => ({ id, revision: firstRevision + index }));
}

/** What becomes of an append to a stream of which this much is known. */
function judge({ expected, events }: PreparedAppend, known: KnownStream | undefined): Verdict {
  if (known === undefined) return expected === 'noStream' ? { kind: 'behind', revision: -1 } : { kind: 'unknown' };
  const stored = events.filter(({ id }) => known.revisionOf.has(id));
  const last = stored.at(-1);
  if (last !== undefined) {
    return stored.length === events.length
      ? { kind: 'stored', revision: known.revisionOf.get(last.id) ?? -1 }
      : { kind: 'mixed', ids: stored.map(({ id }) => id) };
  }
  const actual = known.revision < 0 ? 'noStream' : known.revision;
  return isMet(expected, actual) ? { kind: 'behind', revision: known.revision } : { kind: 'conflict', actual };
}

/** Work with the same key runs in the order in which it came, one after the other. */
function oneAtATime() {
  const tails = new Map<string, Promise<unknown>>();
  return <T>(key: string, work: () => Promise<T>): Promise<T> => {
    const turn = (tails.get(key) ?? Promise.resolve()).then(work);
    const tail = turn
      .catch(() => {})
      .then(() => {
        if (tails.get(key) === tail) tails.delete(key);
      });
    tails.set(key, tail);
    return turn;
  };
}

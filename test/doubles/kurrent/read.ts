import type { ReadReq, ReadResp } from '@eventstore/db-client/generated/streams_pb.js';
import streams from '@eventstore/db-client/generated/streams_pb.js';
import type { ServerWritableStream } from '@grpc/grpc-js';
import type { DatabaseRecord, KurrentDatabase } from './database.ts';
import { type CallError, callErrors, endWith } from './errors.ts';
import { identifierOf, streamNameIn, toReadResponse } from './messages.ts';

type ReadCall = ServerWritableStream<ReadReq, ReadResp>;

export type OpenSubscriptions = ReturnType<typeof openSubscriptions>;

/** The subscriptions that a node serves, for it to break off. */
export function openSubscriptions() {
  const calls = new Set<ReadCall>();
  const startedAfter: number[] = [];
  let sent = 0;
  return {
    eventsSent: () => sent,
    countSent(): void {
      sent += 1;
    },
    startedAfter: startedAfter as readonly number[],
    add(call: ReadCall, options: ReadReq.Options): void {
      const position = options.getAll()?.getPosition();
      startedAfter.push(position === undefined ? -1 : Number(position.getCommitPosition()));
      calls.add(call);
      call.on('close', () => calls.delete(call));
      call.on('cancelled', () => calls.delete(call));
    },
    /** With an error, or by an end as if all had been said. */
    breakAll(error: CallError | null): void {
      for (const call of calls) {
        if (error === null) call.end();
        else endWith(call, error);
      }
      calls.clear();
    },
  };
}

/** Answers a read of a stream, a read of everything, or a subscription to everything. */
export function serveRead(database: KurrentDatabase, call: ReadCall, subscriptions: OpenSubscriptions): void {
  const options = call.request.getOptions();
  if (options === undefined) throw new Error('a read has options');
  if (options.hasSubscription()) subscriptions.add(call, options);
  const answer = options.hasSubscription() ? follow : options.hasStream() ? readStream : readAll;
  answer(database, call, options, subscriptions).then(
    () => call.end(),
    (error: CallError) => endWith(call, error),
  );
}

async function readStream(database: KurrentDatabase, call: ReadCall, options: ReadReq.Options): Promise<void> {
  const stream = options.getStream();
  if (stream === undefined) return;
  const name = streamNameIn(stream);
  const records = database.ofStream(name);
  if (records === 'tombstoned') throw callErrors.streamDeleted(name);
  if (records === null) {
    const missing = new streams.ReadResp.StreamNotFound().setStreamIdentifier(identifierOf(name));
    call.write(new streams.ReadResp().setStreamNotFound(missing));
    return;
  }
  const from = stream.hasRevision() ? Number(stream.getRevision()) : 0;
  const page = records.filter(({ revision }) => revision >= from).slice(0, Number(options.getCount()));
  for (const record of page) await write(call, toReadResponse(record));
}

/** Forwards a read begins with the event at its position, backwards with the one before it. */
async function readAll(database: KurrentDatabase, call: ReadCall, options: ReadReq.Options): Promise<void> {
  const isBackwards = options.getReadDirection() === streams.ReadReq.Options.ReadDirection.BACKWARDS;
  const from = placeOf(database, options, callErrors.unexpected());
  const records = isBackwards
    ? database.all.filter(({ position }) => position < from).toReversed()
    : database.all.filter(({ position }) => position >= from);
  for (const record of records.slice(0, Number(options.getCount()))) await write(call, toReadResponse(record));
}

/** Catches up from the log and goes on with what is committed; between the two nothing is lost or sent twice. */
async function follow(
  database: KurrentDatabase,
  call: ReadCall,
  options: ReadReq.Options,
  { countSent }: OpenSubscriptions,
): Promise<void> {
  const isWanted = filterOf(options);
  const filter = options.getFilter();
  const checkpointEvery = (filter?.getMax() ?? 32) * (filter?.getCheckpointintervalmultiplier() ?? 1);
  let after = options.getAll()?.hasStart() ? -1 : placeOf(database, options, callErrors.invalidPosition());
  let considered = 0;
  let next = 0;
  const changes = changesOf(call);
  const forget = database.onCommit(changes.wake);
  await write(call, new streams.ReadResp().setConfirmation(new streams.ReadResp.SubscriptionConfirmation()));
  while (!isOver(call)) {
    const changed = changes.next();
    const record = database.all[next];
    if (record === undefined) {
      if (considered > 0) await write(call, checkpoint(after));
      considered = 0;
      if (database.all[next] === undefined) await changed;
      continue;
    }
    next += 1;
    if (record.position <= after) continue;
    after = record.position;
    considered += 1;
    if (isWanted(record)) {
      countSent();
      await write(call, toReadResponse(record));
    }
    if (considered % checkpointEvery === 0) await write(call, checkpoint(after));
  }
  forget();
}

function checkpoint(position: number) {
  const place = new streams.ReadResp.Checkpoint();
  return new streams.ReadResp().setCheckpoint(
    place.setCommitPosition(String(position)).setPreparePosition(String(position)),
  );
}

function filterOf(options: ReadReq.Options): (record: DatabaseRecord) => boolean {
  const prefixes = options.getFilter()?.getStreamIdentifier()?.getPrefixList();
  return ({ stream }) => prefixes === undefined || prefixes.some((prefix) => stream.startsWith(prefix));
}

function placeOf(database: KurrentDatabase, options: ReadReq.Options, otherwise: CallError): number {
  const all = options.getAll();
  if (all?.hasEnd()) return Number.POSITIVE_INFINITY;
  const position = Number(all?.getPosition()?.getCommitPosition() ?? 0);
  if (!database.isPlace(position)) throw otherwise;
  return position;
}

function isOver(call: ReadCall): boolean {
  return call.cancelled || call.destroyed || call.writableEnded;
}

/** A consumer that doesn't read holds its reader up, not the server. */
async function write(call: ReadCall, response: ReadResp): Promise<void> {
  if (isOver(call) || call.write(response)) return;
  const changed = changesOf(call).next();
  if (!isOver(call)) await changed;
}

type Changes = { readonly wake: () => void; next(): Promise<void> };
const changesByCall = new WeakMap<ReadCall, Changes>();

/** Wakes whoever waits until a call can be written to, is over, or is woken. */
function changesOf(call: ReadCall): Changes {
  const known = changesByCall.get(call);
  if (known !== undefined) return known;
  const waiting = new Set<() => void>();
  const wake = () => {
    for (const resolve of waiting) resolve();
    waiting.clear();
  };
  for (const name of ['drain', 'close', 'cancelled']) call.on(name, wake);
  const changes = { wake, next: () => new Promise<void>((resolve) => void waiting.add(resolve)) };
  changesByCall.set(call, changes);
  return changes;
}

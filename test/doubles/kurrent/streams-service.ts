import type { IStreamsServer } from '@eventstore/db-client/generated/streams_grpc_pb.js';
import type { AppendReq, BatchAppendReq } from '@eventstore/db-client/generated/streams_pb.js';
import streams from '@eventstore/db-client/generated/streams_pb.js';
import type { Metadata } from '@grpc/grpc-js';
import type { KurrentDatabase, Proposed } from './database.ts';
import { type CallError, callErrors, endWith } from './errors.ts';
import {
  expectedIn,
  expectedInBatch,
  identifierOf,
  sizeOnDisk,
  streamNameIn,
  toAppendResponse,
  toBatchResponse,
  toProposed,
} from './messages.ts';
import { type OpenSubscriptions, serveRead } from './read.ts';

export type Method = 'read' | 'append';
/**
 * How a call is disturbed: refused before anything was done; stored and then answered by an error, so that only the answer is
 * lost; or never answered. `meanwhile` runs before the call ends.
 */
export type Refusal =
  | { readonly when: 'before' | 'after'; readonly error: CallError; readonly meanwhile?: () => void }
  | { readonly when: 'never' };
export type Admission = (method: Method, metadata: Metadata) => Refusal | null;
/** As the server counts sizes: in all, and of one event. */
export type Limits = { appendBytes: number; eventBytes: number };

/** The Streams service of one node. `admit` is asked about every call. */
export function streamsService(parts: {
  readonly database: KurrentDatabase;
  readonly admit: Admission;
  readonly limits: Limits;
  readonly subscriptions: OpenSubscriptions;
}): IStreamsServer {
  const { database, admit, limits, subscriptions } = parts;

  function commit(stream: string, options: AppendReq.Options, events: readonly Proposed[]) {
    const size = events.reduce((sum, event) => sum + sizeOnDisk(event), 0);
    const large = events.find((event) => sizeOnDisk(event) > limits.eventBytes);
    if (large !== undefined) throw callErrors.eventTooLarge(large.id, sizeOnDisk(large), limits.eventBytes);
    if (size > limits.appendBytes) throw callErrors.appendTooLarge(limits.appendBytes);
    const committed = database.append(stream, expectedIn(options), events);
    if (committed.kind === 'streamDeleted') throw callErrors.streamDeleted(stream);
    return toAppendResponse(committed);
  }

  return {
    read: (call) => {
      const refused = admit('read', call.metadata);
      if (refused === null) serveRead(database, call, subscriptions);
      else if (refused.when !== 'never') endWith(call, refused.error);
    },

    append: (call, callback) => {
      let options: AppendReq.Options | undefined;
      const events: Proposed[] = [];
      call.on('data', (request: AppendReq) => {
        options ??= request.getOptions();
        const message = request.getProposedMessage();
        if (message !== undefined) events.push(toProposed(message));
      });
      call.on('end', () => {
        const refused = admit('append', call.metadata);
        if (options === undefined || refused?.when === 'never') return;
        if (refused?.when === 'before') return callback(refused.error);
        try {
          const response = commit(streamNameIn(options), options, events);
          refused?.meanwhile?.();
          callback(refused?.error ?? null, response);
        } catch (error) {
          callback(error as CallError);
        }
      });
    },

    batchAppend: (call) => {
      const pending = new Map<string, { options: BatchAppendReq.Options; events: Proposed[] }>();
      call.on('data', (request: BatchAppendReq) => {
        const id = request.getCorrelationId()?.getString() ?? '';
        const options = request.getOptions();
        if (options !== undefined) pending.set(id, { options, events: [] });
        const batch = pending.get(id);
        batch?.events.push(...request.getProposedMessagesList().map(toProposed));
        if (batch === undefined || !request.getIsFinal()) return;
        pending.delete(id);
        const stream = streamNameIn(batch.options);
        const committed = database.append(stream, expectedInBatch(batch.options), batch.events);
        if (committed.kind === 'streamDeleted') endWith(call, callErrors.streamDeleted(stream));
        else {
          const response = toBatchResponse(committed).setCorrelationId(request.getCorrelationId());
          call.write(response.setStreamIdentifier(identifierOf(stream)));
        }
      });
      call.on('end', () => call.end());
    },

    delete: (call, callback) => {
      const options = call.request.getOptions();
      if (options !== undefined) database.softDelete(streamNameIn(options));
      callback(null, new streams.DeleteResp());
    },

    tombstone: (call, callback) => {
      const options = call.request.getOptions();
      if (options !== undefined) database.tombstone(streamNameIn(options));
      callback(null, new streams.TombstoneResp());
    },
  };
}

import shared from '@eventstore/db-client/generated/shared_pb.js';
import status from '@eventstore/db-client/generated/status_pb.js';
import type { AppendReq, BatchAppendReq } from '@eventstore/db-client/generated/streams_pb.js';
import streams from '@eventstore/db-client/generated/streams_pb.js';
import anyMessages from 'google-protobuf/google/protobuf/any_pb.js';
import emptyMessages from 'google-protobuf/google/protobuf/empty_pb.js';
import type { Commit, DatabaseRecord, Expected, Proposed } from './database.ts';

const { Any } = anyMessages;
const { Empty } = emptyMessages;

/** Between the wire's messages and the database. */

export function streamNameIn(identified: { getStreamIdentifier(): { getStreamName_asU8(): Uint8Array } | undefined }) {
  return Buffer.from(identified.getStreamIdentifier()?.getStreamName_asU8() ?? []).toString('utf8');
}

export function identifierOf(stream: string) {
  return new shared.StreamIdentifier().setStreamName(Buffer.from(stream, 'utf8'));
}

export function expectedIn(options: AppendReq.Options): Expected {
  if (options.hasAny()) return 'any';
  if (options.hasStreamExists()) return 'streamExists';
  return options.hasNoStream() ? 'noStream' : Number(options.getRevision());
}

export function expectedInBatch(options: BatchAppendReq.Options): Expected {
  if (options.hasAny()) return 'any';
  if (options.hasStreamExists()) return 'streamExists';
  return options.hasNoStream() ? 'noStream' : Number(options.getStreamPosition());
}

export function toProposed(message: AppendReq.ProposedMessage | BatchAppendReq.ProposedMessage): Proposed {
  const metadata = message.getMetadataMap();
  return {
    id: message.getId()?.getString() ?? '',
    type: metadata.get('type') ?? '',
    contentType: metadata.get('content-type') ?? '',
    data: message.getData_asU8(),
    metadata: message.getCustomMetadata_asU8(),
  };
}

/** As the server counts it against its limits. */
export function sizeOnDisk({ type, data, metadata }: Proposed): number {
  return data.byteLength + metadata.byteLength + 2 * type.length;
}

export function toReadResponse(record: DatabaseRecord) {
  const recorded = new streams.ReadResp.ReadEvent.RecordedEvent()
    .setId(new shared.UUID().setString(record.id))
    .setStreamIdentifier(identifierOf(record.stream))
    .setStreamRevision(String(record.revision))
    .setCommitPosition(String(record.position))
    .setPreparePosition(String(record.position))
    .setData(record.data)
    .setCustomMetadata(record.metadata);
  recorded.getMetadataMap().set('type', record.type).set('content-type', record.contentType).set('created', '0');
  const event = new streams.ReadResp.ReadEvent().setEvent(recorded).setCommitPosition(String(record.position));
  return new streams.ReadResp().setEvent(event);
}

export function toAppendResponse(commit: Exclude<Commit, { kind: 'streamDeleted' }>) {
  if (commit.kind === 'success') {
    const position = new streams.AppendResp.Position()
      .setCommitPosition(String(commit.position))
      .setPreparePosition(String(commit.position));
    const success = new streams.AppendResp.Success().setCurrentRevision(String(commit.revision)).setPosition(position);
    return new streams.AppendResp().setSuccess(success);
  }
  const wrong = new streams.AppendResp.WrongExpectedVersion();
  if (commit.current < 0) wrong.setCurrentNoStream(new shared.Empty());
  else wrong.setCurrentRevision(String(commit.current));
  return new streams.AppendResp().setWrongExpectedVersion(wrong);
}

export function toBatchResponse(commit: Exclude<Commit, { kind: 'streamDeleted' }>) {
  const response = new streams.BatchAppendResp();
  if (commit.kind === 'success') {
    const place = String(commit.position);
    const position = new shared.AllStreamPosition().setCommitPosition(place).setPreparePosition(place);
    const success = new streams.BatchAppendResp.Success();
    return response.setSuccess(success.setCurrentRevision(String(commit.revision)).setPosition(position));
  }
  const wrong = new shared.WrongExpectedVersion();
  if (commit.current < 0) wrong.setCurrentNoStream(new Empty());
  else wrong.setCurrentStreamRevision(String(commit.current));
  const details = new Any();
  details.pack(wrong.serializeBinary(), 'event_store.client.WrongExpectedVersion');
  return response.setError(new status.Status().setMessage('WrongExpectedVersion').setDetails(details));
}

import { isDigest, sha256Hex } from '../domain/blob-digest.ts';
import type { EventEnvelope } from '../domain/event.ts';
import { attachmentLimitBytes } from '../domain/ports/blobs.ts';
import type { Attachment, ExpectedRevision } from '../domain/ports/event-log.ts';
import { InvalidAppendError } from '../domain/ports/event-log-errors.ts';
import { encodeEnvelope } from './stored-event.ts';

/** An append whose every part has been checked and encoded, so that the store has only its own verdicts left to give. */
export type PreparedAppend = {
  readonly stream: string;
  readonly expected: ExpectedRevision;
  readonly events: readonly { readonly id: string; readonly type: string; readonly bytes: Uint8Array }[];
  readonly attachments: readonly Attachment[];
};

export function prepareAppend(
  stream: string,
  expected: ExpectedRevision,
  envelopes: readonly EventEnvelope[],
  attachments: readonly Attachment[] = [],
): PreparedAppend {
  if (envelopes.length === 0) throw new InvalidAppendError(`append to ${stream} has no events`);
  if (typeof expected === 'number' && !(Number.isSafeInteger(expected) && expected >= 0)) {
    throw new InvalidAppendError(`append to ${stream} expects revision ${expected}`);
  }
  if (new Set(envelopes.map(({ id }) => id)).size < envelopes.length) {
    throw new InvalidAppendError(`append to ${stream} has an event id twice`);
  }
  attachments.forEach(assertAttachment);
  return { stream, expected, attachments, events: envelopes.map((envelope) => prepareEvent(stream, envelope)) };
}

function prepareEvent(stream: string, envelope: EventEnvelope): PreparedAppend['events'][number] {
  if (envelope.stream !== stream) {
    throw new InvalidAppendError(`append to ${stream} has event ${envelope.id} of ${envelope.stream}`);
  }
  return { id: envelope.id, type: envelope.type, bytes: encodeEnvelope(envelope) };
}

function assertAttachment({ sha256, bytes }: Attachment): void {
  if (bytes.byteLength > attachmentLimitBytes) {
    throw new InvalidAppendError(
      `attachment ${sha256} has ${bytes.byteLength} bytes, more than ${attachmentLimitBytes}`,
    );
  }
  if (!isDigest(sha256) || sha256Hex(bytes) !== sha256) {
    throw new InvalidAppendError(`attachment ${sha256} has another digest`);
  }
}

import { toAttachment } from '../domain/blob-digest.ts';
import type { CommandHandler } from '../domain/handle-command.ts';
import { submissionId } from '../domain/ids.ts';
import { epochAt } from '../domain/policy/epoch.ts';
import type { ActivePolicy } from '../domain/policy/policy.ts';
import { attachmentLimitBytes, type BlobReference, type Blobs } from '../domain/ports/blobs.ts';
import type { Attachment } from '../domain/ports/event-log.ts';
import { isRejection } from '../domain/rejection.ts';
import type { SubmissionCommand } from '../domain/submission/commands.ts';
import { type SubmissionEvent, type SubmissionEventData, submissionStream } from '../domain/submission/events.ts';
import { type LivingState, publicStatus, type SubmissionState } from '../domain/submission/state.ts';
import { problem, rejectionProblem } from './problem.ts';
import type { SubmittedBundle } from './submission-body.ts';

/** What intake says of an archive: what is in it, or which rule it breaks and where. */
export type ArchiveReading =
  | {
      readonly kind: 'accepted';
      readonly files: readonly unknown[];
      /** SHA-256 over the files in canonical form. */
      readonly codeHash: string;
      readonly contentBytes: number;
    }
  | { readonly kind: 'refused'; readonly rule: string; readonly entry: string | null; readonly detail: string };

export type ReceiveDependencies = {
  readonly readArchive: (archive: Uint8Array) => Promise<ArchiveReading>;
  readonly commands: Pick<CommandHandler<SubmissionState, SubmissionCommand, SubmissionEvent>, 'handle' | 'load'>;
  readonly blobs: Pick<Blobs, 'put'>;
  readonly policy: () => Promise<ActivePolicy>;
  readonly now: () => Date;
  /** A new id for each command: two receipts of one bundle at once must conflict, not pass for one append. */
  readonly newId: () => string;
};

/** `position`: of the newest event of the submission, which its receipt is unless it was there before. */
export type Receipt = { readonly isNew: boolean; readonly state: LivingState; readonly position: number };

/**
 * Receives a bundle for a hotkey that somebody has vouched for. Resolves after bundle and event are durable. The same bundle of the
 * same hotkey is the same submission, whatever its file name. A refused archive is thrown as a problem.
 */
export async function receiveBundle(
  deps: ReceiveDependencies,
  hotkey: string,
  route: SubmissionEventData<'SubmissionReceived'>['route'],
  submitted: SubmittedBundle,
): Promise<Receipt> {
  const reading = await deps.readArchive(submitted.archive);
  if (reading.kind === 'refused') {
    const { rule, entry, detail } = reading;
    throw problem('refusedArchive', detail, { rule, entry });
  }
  const active = await deps.policy();
  const { references, attachments } = await storeBlobs(deps.blobs, submitted);
  const received = receipt(reading, hotkey, route, submitted.filename, deps.now(), active, references);
  const stream = submissionStream(received.submissionId);
  const handled = await deps.commands.handle(
    stream,
    { kind: 'ReceiveSubmission', received },
    { causeId: deps.newId(), correlationId: received.submissionId, at: received.receivedAt },
    attachments,
  );
  if (isRejection(handled)) throw rejectionProblem(handled);
  if (handled.state.phase === 'absent') throw new Error(`${received.submissionId} was received and isn't there`);
  const position = handled.position ?? (await deps.commands.load(stream)).lastEvent?.position ?? 0;
  return { isNew: handled.events.length > 0, state: handled.state, position };
}

type References = { readonly bundle: BlobReference; readonly metadata: BlobReference | null };

function receipt(
  { files, codeHash, contentBytes }: Extract<ArchiveReading, { kind: 'accepted' }>,
  hotkey: string,
  route: SubmissionEventData<'SubmissionReceived'>['route'],
  filename: string,
  now: Date,
  { policy, version }: ActivePolicy,
  references: References,
): SubmissionEventData<'SubmissionReceived'> {
  return {
    submissionId: submissionId(hotkey, codeHash),
    hotkey,
    filename,
    codeHash,
    ...references,
    files: files.length,
    contentBytes,
    route,
    receivedAt: now.toISOString(),
    epoch: epochAt(now, policy),
    policyVersion: version,
  };
}

/** Small blobs travel with the event, in its transaction; a large bundle is durable before the event names it. */
async function storeBlobs(
  blobs: Pick<Blobs, 'put'>,
  { archive, metadata }: SubmittedBundle,
): Promise<{ readonly references: References; readonly attachments: readonly Attachment[] }> {
  const attached = metadata === null ? null : toAttachment(metadata);
  const ofMetadata = attached === null ? [] : [attached.attachment];
  const metadataReference = attached?.reference ?? null;
  if (archive.byteLength > attachmentLimitBytes) {
    const bundle = await blobs.put(archive);
    return { references: { bundle, metadata: metadataReference }, attachments: ofMetadata };
  }
  const { reference, attachment } = toAttachment(archive);
  return { references: { bundle: reference, metadata: metadataReference }, attachments: [attachment, ...ofMetadata] };
}

/** The answer to a receipt, new or repeated (CONTRACT §5). */
export function receiptBody({ state, position }: Receipt) {
  const { identity } = state;
  return {
    id: identity.submissionId,
    hotkey: identity.hotkey,
    epoch_id: identity.epoch,
    status: publicStatus(state),
    code_hash: identity.codeHash,
    created_at: identity.receivedAt,
    position,
  };
}

import { toAttachment } from '../domain/blob-digest.ts';
import { attachmentLimitBytes, type BlobReference, type Blobs } from '../domain/ports/blobs.ts';
import type { Attachment } from '../domain/ports/event-log.ts';
import type { RunOutcome } from '../domain/run.ts';
import type { AttemptResult } from './attempt.ts';

export type Recordable = { readonly outcome: RunOutcome; readonly attachments: readonly Attachment[] };

/**
 * Turns a result into what the command carries: small blobs ride with the event, larger ones are durable before this
 * resolves.
 */
export async function toRecordable(result: AttemptResult, blobs: Pick<Blobs, 'put'>): Promise<Recordable> {
  const attachments: Attachment[] = [];
  const store = async (bytes: Uint8Array | null): Promise<BlobReference | null> => {
    if (bytes === null || bytes.byteLength === 0) return null;
    if (bytes.byteLength > attachmentLimitBytes) return blobs.put(bytes);
    const { reference, attachment } = toAttachment(bytes);
    if (!attachments.some(({ sha256 }) => sha256 === reference.sha256)) attachments.push(attachment);
    return reference;
  };
  return { outcome: await toOutcome(result, store), attachments };
}

async function toOutcome(
  { verdict, measured, heldOut, record, cuts, manifest, commitments, keys, log }: AttemptResult,
  store: (bytes: Uint8Array | null) => Promise<BlobReference | null>,
): Promise<RunOutcome> {
  if (verdict.kind === 'infrastructureFault')
    return { ...verdict, log: await store(log), commitments: await store(commitments) };
  if (verdict.kind !== 'completed') {
    const evidence = verdict.verdict === 'causality' ? await store(cuts) : null;
    return { ...verdict, log: await store(log), manifest: await store(manifest), cuts: evidence, keys };
  }
  if (heldOut !== null) {
    const result = await store(manifest);
    if (result === null) throw new Error('a held-out attempt that has measured has a result');
    return { kind: 'heldOutMeasured', result, ...heldOut };
  }
  const stored = { record: await store(record), cuts: await store(cuts), manifest: await store(manifest) };
  if (stored.record === null || stored.manifest === null || measured === null) {
    throw new Error('a completed attempt has a record, a manifest and a measurement');
  }
  const { record: recordReference, manifest: manifestReference } = stored;
  return { kind: 'completed', ...stored, record: recordReference, manifest: manifestReference, ...measured, keys };
}

/** A result without containers to speak of: why we gave up. */
export function faultResult(reason: string, message: string): AttemptResult {
  return {
    verdict: { kind: 'infrastructureFault', reason, message },
    ...{ measured: null, heldOut: null },
    ...{ record: null, cuts: null, manifest: null, commitments: null, keys: null },
    log: new Uint8Array(),
  };
}

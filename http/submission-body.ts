import type { Context } from 'koa';
import { z } from 'zod';
import { problem } from './problem.ts';
import { readBody } from './read-body.ts';
import { parseJson } from './read-json.ts';

/** Limits of CONTRACT §5, in bytes. */
export const jsonLimitBytes = 10_100_000;
export const archiveLimitBytes = 7_500_000;
export const metadataLimitBytes = 16_384;

/** A bundle as a request carries it; nothing in it has been looked at yet. */
export type SubmittedBundle = {
  readonly filename: string;
  readonly archive: Uint8Array;
  /** The miner's own JSON, serialised, or null. */
  readonly metadata: Uint8Array | null;
};

// Printable, without the separators that would make a path of it.
const filenameSchema = z.string().regex(/^[^\p{C}/\\]{1,255}$/u, 'expected 1 to 255 printable characters');

const jsonSchema = z.object({
  filename: filenameSchema.optional(),
  code: z.string(),
  metadata: z.record(z.string(), z.json()).nullish(),
});

const defaultFilename = 'submission.zip';

/** Reads either form: a raw zip with `X-Submission-Filename`, or JSON `{filename, code: base64 zip, metadata}`. */
export async function readSubmittedBundle(ctx: Context): Promise<SubmittedBundle> {
  const mediaType = ctx.request.type || 'application/octet-stream';
  if (mediaType === 'application/json') return fromJson(await readBody(ctx.req, jsonLimitBytes), headerFilename(ctx));
  if (mediaType !== 'application/zip' && mediaType !== 'application/octet-stream') {
    throw problem('unsupportedMediaType', 'Send application/zip, application/octet-stream or application/json.');
  }
  const filename = headerFilename(ctx) ?? defaultFilename;
  const archive = await readBody(ctx.req, archiveLimitBytes);
  if (archive.byteLength === 0) throw problem('invalidContent', 'The body is empty.');
  return { filename, archive, metadata: null };
}

function headerFilename(ctx: Context): string | null {
  const given = ctx.get('X-Submission-Filename');
  if (given === '') return null;
  const filename = filenameSchema.safeParse(given);
  if (!filename.success) throw problem('badRequest', 'X-Submission-Filename: expected 1 to 255 printable characters.');
  return filename.data;
}

function fromJson(body: Buffer, filename: string | null): SubmittedBundle {
  const parsed = jsonSchema.safeParse(parseJson(body));
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw problem('invalidContent', `${issue?.path.join('.') || 'body'}: ${issue?.message ?? 'invalid'}.`);
  }
  const archive = fromBase64(parsed.data.code);
  if (archive.byteLength > archiveLimitBytes) {
    throw problem('contentTooLarge', `The zip is larger than ${archiveLimitBytes} bytes.`);
  }
  return {
    filename: parsed.data.filename ?? filename ?? defaultFilename,
    archive,
    metadata: metadataBytes(parsed.data.metadata ?? null),
  };
}

/** RFC 4648. The decoder skips what it doesn't know, which shows in the length; a pattern over 10 MB would be slow. */
function fromBase64(code: string): Buffer {
  const bytes = Buffer.from(code, 'base64');
  const digits = code.replace(/={1,2}$/, '').length;
  if (digits === 0 || bytes.byteLength !== Math.floor((digits * 3) / 4)) {
    throw problem('invalidContent', 'code: expected the zip in base64.');
  }
  return bytes;
}

function metadataBytes(metadata: object | null): Uint8Array | null {
  if (metadata === null) return null;
  const bytes = Buffer.from(JSON.stringify(metadata));
  if (bytes.byteLength <= metadataLimitBytes) return bytes;
  throw problem('contentTooLarge', `The metadata is larger than ${metadataLimitBytes} bytes.`);
}

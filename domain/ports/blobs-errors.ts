/**
 * The store of blobs can't be asked now, or not with these credentials. Nothing was half-written: a blob that was being put is
 * there whole or not at all, and putting it again is safe.
 */
export class BlobsUnavailableError extends Error {
  override readonly name = 'BlobsUnavailableError';
  /** The store's own code, such as `SlowDown` or `AccessDenied`. */
  readonly code: string | null;
  constructor(message: string, code: string | null, cause?: unknown) {
    super(message, { cause });
    this.code = code;
  }
}

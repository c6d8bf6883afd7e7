/** The reviewer can't be asked now: our fault, and never a verdict on the source. */
export class ReviewerUnavailableError extends Error {
  override readonly name = 'ReviewerUnavailableError';
  /** Not before when it may be asked again, ISO 8601 UTC; null where nobody said. */
  readonly retryAt: string | null;
  constructor(message: string, retryAt: string | null, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.retryAt = retryAt;
  }
}

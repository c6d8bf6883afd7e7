/** Some, but not all, of the ids of an append are stored already, or they are stored in another stream. */
export class MixedAppendError extends Error {
  override readonly name = 'MixedAppendError';
  readonly stream: string;
  constructor(stream: string, storedIds: readonly string[]) {
    super(`append to ${stream} mixes new events with stored ones: ${storedIds.join(', ')}`);
    this.stream = stream;
  }
}

/** An append that no log would take: no events, an event of another stream, an id twice, an attachment that isn't what it says. */
export class InvalidAppendError extends Error {
  override readonly name = 'InvalidAppendError';
}

/** The events of one append are together larger than the log takes at once. Nothing was written, and trying again is no use. */
export class AppendTooLargeError extends Error {
  override readonly name = 'AppendTooLargeError';
  readonly stream: string;
  readonly bytes: number;
  /** Null where the log doesn't say. */
  readonly limitBytes: number | null;
  constructor(stream: string, bytes: number, limitBytes: number | null, cause?: unknown) {
    const limit = limitBytes === null ? 'its limit' : `${limitBytes} bytes`;
    super(`append to ${stream} has ${bytes} bytes of events; the log takes no more than ${limit} at once`, { cause });
    this.stream = stream;
    this.bytes = bytes;
    this.limitBytes = limitBytes;
  }
}

export type UnavailableReason =
  | 'diskFull'
  | 'readOnly'
  | 'busy'
  | 'closed'
  | 'damaged'
  | 'cannotOpen'
  | 'inputOutput'
  | 'unreachable'
  | 'accessDenied'
  | 'unsupported';

/**
 * The log can't do it now; nothing was half-written. The outcome of an append that met a failing disk or a lost server is
 * unknown until it is repeated: repeating is safe, because ids make it the same append.
 */
export class LogUnavailableError extends Error {
  override readonly name = 'LogUnavailableError';
  readonly reason: UnavailableReason;
  /** The store's own code, such as `SQLITE_FULL` or `not-leader`. */
  readonly code: string | null;
  constructor(reason: UnavailableReason, message: string, options: { code?: string; cause?: unknown } = {}) {
    super(message, 'cause' in options ? { cause: options.cause } : {});
    this.reason = reason;
    this.code = options.code ?? null;
  }
}

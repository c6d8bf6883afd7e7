/** The engine can't be reached or doesn't answer: nothing is known, and asking again later is right. */
export class EngineUnavailableError extends Error {
  override readonly name = 'EngineUnavailableError';
}

/** The engine answered, and refused. `status` is its HTTP status. */
export class EngineRefusedError extends Error {
  override readonly name = 'EngineRefusedError';
  readonly status: number;
  constructor(message: string, status: number, cause: unknown) {
    super(message, { cause });
    this.status = status;
  }
}

/** A connection that breaks has no status; an answer has one. */
export function toEngineError(what: string, error: unknown): Error {
  if (error instanceof EngineUnavailableError || error instanceof EngineRefusedError) return error;
  const status = statusOf(error);
  if (status === null) return new EngineUnavailableError(`The engine is unreachable: ${what}`, { cause: error });
  return new EngineRefusedError(`The engine refused: ${what}`, status, error);
}

export function statusOf(error: unknown): number | null {
  if (error instanceof EngineRefusedError) return error.status;
  const isAnswer = typeof error === 'object' && error !== null && 'statusCode' in error;
  return isAnswer && typeof error.statusCode === 'number' ? error.statusCode : null;
}

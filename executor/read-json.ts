/** A file of the referee's that can't be taken as what it should be. The message says why. */
export class InvalidFileError extends Error {
  override readonly name = 'InvalidFileError';
}

/** `JSON.parse` refuses NaN and infinities; a fatal decoder refuses what isn't UTF-8. Throws `InvalidFileError`. */
export function readJson(bytes: Uint8Array, what: string): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (error) {
    throw new InvalidFileError(`The ${what} is no JSON in UTF-8.`, { cause: error });
  }
}

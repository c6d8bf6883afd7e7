/** Events a page holds where the caller doesn't say. */
export const defaultPageSize = 512;

/** Throws a RangeError unless `from` is a place in a log and `limit` a number of events. */
export function assertPage(from: number, limit: number): void {
  if (!Number.isSafeInteger(from) || from < 0)
    throw new RangeError(`a page starts at a non-negative integer, not ${from}`);
  if (!Number.isSafeInteger(limit) || limit < 1)
    throw new RangeError(`a page has a positive number of events, not ${limit}`);
}

import { ErrorType, isCommandError } from '@eventstore/db-client';
import { LogUnavailableError } from '../domain/ports/event-log-errors.ts';

/** A read that was given up since it took too long. */
export class OverdueReadError extends Error {
  override readonly name = 'OverdueReadError';
  constructor(timeoutMs: number) {
    super(`the database didn't finish a page within ${timeoutMs} ms`);
  }
}

/** What the client threw, as far as the adapter goes on from it. */
export type KurrentFault =
  /** The node or the leader was lost, or answered too late; another try may succeed. */
  | { readonly kind: 'transient' }
  /** Trying again gives the same. */
  | { readonly kind: 'lasting'; readonly error: unknown };

/** gRPC status codes that say what is wrong with the request, so that repeating it is no use. */
const refusals: ReadonlySet<number | undefined> = new Set([3, 7, 8, 9, 11, 12]);

const transientTypes: ReadonlySet<ErrorType> = new Set([
  ErrorType.NOT_LEADER,
  ErrorType.UNAVAILABLE,
  ErrorType.CANCELLED,
  ErrorType.TIMEOUT,
  ErrorType.DEADLINE_EXCEEDED,
]);

/** Maps by `type` alone: the classes and their fields differ between this client and its successor. */
export function kurrentFault(shown: string, error: unknown): KurrentFault {
  if (!(error instanceof Error)) return { kind: 'lasting', error };
  if (error instanceof OverdueReadError || isUndiscovered(error)) return { kind: 'transient' };
  if (!isCommandError(error)) return { kind: 'lasting', error };
  if (transientTypes.has(error.type)) return { kind: 'transient' };
  switch (error.type) {
    case ErrorType.UNKNOWN:
      // Among these is a node that knows no leader.
      return refusals.has(error.code) ? { kind: 'lasting', error } : { kind: 'transient' };
    case ErrorType.ACCESS_DENIED: {
      const message = `event log ${shown}: the credentials are missing or not good enough`;
      return { kind: 'lasting', error: new LogUnavailableError('accessDenied', message, coded(error)) };
    }
    case ErrorType.STREAM_DELETED: {
      const message = `event log ${shown}: a stream of it was deleted`;
      return { kind: 'lasting', error: new LogUnavailableError('damaged', message, coded(error)) };
    }
    default:
      return { kind: 'lasting', error };
  }
}

/** The fault that is left when patience has run out. */
export function unreachable(shown: string, cause: unknown): LogUnavailableError {
  return new LogUnavailableError('unreachable', `event log ${shown}: no leader answered in time`, coded(cause));
}

function coded(cause: unknown): { readonly code?: string; readonly cause: unknown } {
  return cause instanceof Error && isCommandError(cause) ? { code: cause.type, cause } : { cause };
}

/** No node of a cluster answered, or none of them may be used: the client has no type for it. */
function isUndiscovered({ message }: Error): boolean {
  return message.startsWith('Failed to discover');
}

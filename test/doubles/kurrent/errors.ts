import type { EventEmitter } from 'node:events';
import { Metadata, type ServiceError, status } from '@grpc/grpc-js';

/** What a node ends a call with. The client reads the type from the trailer `exception`, else from the status. */
export type CallError = Pick<ServiceError, 'code' | 'details' | 'metadata'>;

function callError(code: status, details: string, trailers: Readonly<Record<string, string>> = {}): CallError {
  const metadata = new Metadata();
  for (const [name, value] of Object.entries(trailers)) metadata.set(name, value);
  return { code, details, metadata };
}

/** Ends a call with an error instead of an answer; what was written before still arrives. */
export function endWith(call: EventEmitter, error: CallError): void {
  call.emit('error', Object.assign(new Error(error.details), error));
}

/** As KurrentDB words them. */
export const callErrors = {
  notLeader: (host: string, port: number) =>
    callError(status.NOT_FOUND, 'Leader info available', {
      exception: 'not-leader',
      'leader-endpoint-host': host,
      'leader-endpoint-port': String(port),
    }),
  noLeader: () => callError(status.UNKNOWN, 'No leader info available in response'),
  notReady: () => callError(status.UNAVAILABLE, 'Server Is Not Ready'),
  timeout: () => callError(status.ABORTED, 'Operation timed out: Commit phase timeout.'),
  cancelled: () => callError(status.CANCELLED, 'The operation was cancelled.'),
  accessDenied: () => callError(status.PERMISSION_DENIED, 'Access Denied', { exception: 'access-denied' }),
  unexpected: () => callError(status.UNKNOWN, 'Unexpected ReadAllResult: InvalidPosition'),
  streamDeleted: (stream: string) =>
    callError(status.FAILED_PRECONDITION, `Event stream '${stream}' is deleted.`, {
      exception: 'stream-deleted',
      'stream-name': stream,
    }),
  invalidPosition: () => callError(status.INVALID_ARGUMENT, 'Trying to read from an invalid position.'),
  appendTooLarge: (limit: number) =>
    callError(status.INVALID_ARGUMENT, `Maximum Append Size of ${limit} Exceeded.`, {
      exception: 'maximum-append-size-exceeded',
      'maximum-append-size': String(limit),
    }),
  eventTooLarge: (id: string, size: number, limit: number) =>
    callError(
      status.INVALID_ARGUMENT,
      `Event with Id: ${id}, Size: ${size}, exceeds Maximum Append Event Size of ${limit}.`,
      {
        exception: 'maximum-append-event-size-exceeded',
        'maximum-append-event-size': String(limit),
        'event-id': id,
        'proposed-append-event-size': String(size),
      },
    ),
} as const;

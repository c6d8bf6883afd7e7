import { BlobsUnavailableError } from '../domain/ports/blobs-errors.ts';
import { LogUnavailableError } from '../domain/ports/event-log-errors.ts';
import type { Rejection } from '../domain/rejection.ts';

/** RFC 9457 problem document. `detail` is what older clients read; a kind may add members of its own. */
export type ProblemDocument = {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly [member: string]: unknown;
};

/** What the edge refuses before any command is made of a request. */
const edgeProblems = {
  badRequest: [400, 'The request is malformed'],
  badCursor: [400, 'The cursor is none of ours'],
  wrongSlug: [400, 'The request is for another challenge'],
  unauthorized: [401, 'The bearer token is missing or wrong'],
  notFound: [404, 'There is nothing here'],
  methodNotAllowed: [405, 'The method is not allowed here'],
  contentTooLarge: [413, 'The content is too large'],
  unsupportedMediaType: [415, 'The media type is not supported'],
  refusedArchive: [422, 'The bundle breaks a rule'],
  invalidContent: [422, 'The content has another shape'],
  notImplemented: [501, 'The method is unknown'],
  notProjected: [503, 'The read models are not that far yet'],
  readModelBuilding: [503, 'The read model is being built'],
  logUnavailable: [503, 'The event log cannot be written or read now'],
  blobsUnavailable: [503, 'Bundles cannot be stored or read now'],
  tokenNotConfigured: [503, 'No shared token is configured'],
} as const;

export type EdgeProblem = keyof typeof edgeProblems;

/** The one table from refused commands to HTTP. */
const rejectionStatus = {
  unknownSubmission: 404,
  unknownSlot: 404,
  unknownRun: 404,
  notOwner: 403,
  alreadyEnded: 409,
  notDue: 409,
  staleToken: 409,
  attemptTaken: 409,
  tooLate: 409,
  attemptActive: 409,
  slotTaken: 409,
  slotQuarantined: 409,
  claimed: 409,
  wrongHold: 409,
  invalidPolicy: 422,
  notPoison: 409,
  unexplained: 422,
} as const satisfies Record<Rejection['reason'], number>;

/**
 * Ends a request with a problem document. Thrown inside `http` alone, where Koa's middlewares have no other way out of the
 * middle of reading a body; it carries a refusal and is no fault.
 */
export class ProblemError extends Error {
  override readonly name = 'ProblemError';
  readonly document: ProblemDocument;
  readonly headers: Readonly<Record<string, string>>;
  constructor(document: ProblemDocument, headers: Readonly<Record<string, string>> = {}) {
    super(document.detail);
    this.document = document;
    this.headers = headers;
  }
}

export function problem(
  kind: EdgeProblem,
  detail: string,
  members: Readonly<Record<string, unknown>> = {},
  headers: Readonly<Record<string, string>> = {},
): ProblemError {
  const [status, title] = edgeProblems[kind];
  return new ProblemError({ type: typeOf(kind), title, status, detail, ...members }, headers);
}

export function rejectionProblem({ reason, detail }: Rejection): ProblemError {
  return new ProblemError({
    type: typeOf(reason),
    title: 'The command was refused',
    status: rejectionStatus[reason],
    detail,
  });
}

const diskFullCode = 'ENOSPC';

/**
 * What the outside learns of a fault of ours: that there was one, and the id under which it was logged. A log or blob store that can't take anything
 * now (a full disk, a lost leader) says so, since trying again later is the right answer.
 */
export function faultDocument(error: unknown, traceId: string): ProblemDocument {
  if (error instanceof LogUnavailableError) {
    const [status, title] = edgeProblems.logUnavailable;
    const detail = `Nothing was stored (${error.reason}); try again later. It was logged as ${traceId}.`;
    return { type: typeOf('logUnavailable'), title, status, detail, reason: error.reason, trace_id: traceId };
  }
  if (error instanceof BlobsUnavailableError) {
    const [status, title] = edgeProblems.blobsUnavailable;
    const reason = error.code === diskFullCode ? 'diskFull' : 'unavailable';
    const detail = `Nothing was stored (${reason}); try again later. It was logged as ${traceId}.`;
    return { type: typeOf('blobsUnavailable'), title, status, detail, reason, trace_id: traceId };
  }
  return {
    type: typeOf('fault'),
    title: 'Something went wrong on our side',
    status: 500,
    detail: `Something went wrong on our side; it was logged as ${traceId}.`,
    trace_id: traceId,
  };
}

function typeOf(kind: string): string {
  return `urn:prism:problem:${kind}`;
}

import type { IncomingMessage } from 'node:http';
import type { Middleware } from 'koa';
import { NoLiveVersionError } from '../projections/versions.ts';
import { faultDocument, ProblemError, problem } from './problem.ts';

/** A fault as the log sees it: once, here, with the error and its chain of causes. */
export type ReportedFault = {
  readonly traceId: string;
  readonly method: string;
  readonly path: string;
  readonly error: unknown;
};

/**
 * What a refused request still sends is read and thrown away up to here, since a client that can't finish sending often
 * doesn't read the answer. Whoever sends more is cut off.
 */
const drainLimitBytes = 16 * 1_048_576;

/** Turns everything thrown into a problem document; faults are reported and shown as a trace id alone. */
export function answerProblems(deps: {
  readonly reportFault: (fault: ReportedFault) => void;
  readonly newId: () => string;
}): Middleware {
  return async (ctx, next) => {
    try {
      await next();
    } catch (error) {
      const refusal = refusalOf(error);
      const traceId = deps.newId();
      const document = refusal?.document ?? faultDocument(error, traceId);
      if (refusal === null) deps.reportFault({ traceId, method: ctx.method, path: ctx.path, error });
      if (!(await isDrained(ctx.req))) ctx.set('Connection', 'close');
      ctx.status = document.status;
      ctx.body = document;
      ctx.set(refusal?.headers ?? {});
      ctx.type = 'application/problem+json';
    }
  };
}

function refusalOf(error: unknown): ProblemError | null {
  if (error instanceof ProblemError) return error;
  if (!(error instanceof NoLiveVersionError)) return null;
  const detail = 'The read model behind this answer is being built from the log; ask again.';
  return problem('readModelBuilding', detail, {}, { 'Retry-After': '5' });
}

/** Reads the rest of a request; false when it is longer than we care to read, or broke off. */
function isDrained(request: IncomingMessage): Promise<boolean> {
  if (request.complete && request.readableEnded) return Promise.resolve(true);
  if (request.destroyed || Number(request.headers['content-length'] ?? 0) > drainLimitBytes)
    return Promise.resolve(false);
  return new Promise((resolve) => {
    let bytes = 0;
    const settle = (drained: boolean) => {
      request.off('data', count);
      resolve(drained);
    };
    const count = (chunk: Buffer) => {
      bytes += chunk.byteLength;
      if (bytes > drainLimitBytes) settle(false);
    };
    request.once('end', () => settle(true));
    request.once('close', () => settle(request.readableEnded));
    request.once('error', () => settle(false));
    request.on('data', count);
    request.resume();
  });
}

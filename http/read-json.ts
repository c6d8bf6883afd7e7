import type { Context } from 'koa';
import { problem } from './problem.ts';
import { readBody } from './read-body.ts';

/** Reads a request's body as JSON, at most `limitBytes`; anything else is a problem. */
export async function readJson(ctx: Context, limitBytes: number): Promise<unknown> {
  if (ctx.request.type !== 'application/json') throw problem('unsupportedMediaType', 'Send application/json.');
  return parseJson(await readBody(ctx.req, limitBytes));
}

export function parseJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    throw problem('badRequest', 'The body is no JSON.');
  }
}

import { createHash, timingSafeEqual } from 'node:crypto';
import type { Middleware } from 'koa';
import { problem } from './problem.ts';

/**
 * Lets only the holder of the shared token pass (`Authorization: Bearer …`, RFC 6750), and keeps the answers out of
 * caches. Both sides are hashed, so that neither length nor prefix of the token shows in the time taken. Without a configured token
 * nobody passes: 503.
 */
export function authenticate(sharedToken: string | null): Middleware {
  const expected = sharedToken === null || sharedToken === '' ? null : digest(sharedToken);
  return async (ctx, next) => {
    ctx.set('Cache-Control', 'no-store');
    if (expected === null) {
      throw problem('tokenNotConfigured', 'The internal routes are closed until a shared token is configured.');
    }
    const token = /^Bearer +(\S+) *$/i.exec(ctx.get('Authorization'))?.[1] ?? '';
    if (!timingSafeEqual(digest(token), expected)) {
      throw problem('unauthorized', 'The bearer token is missing or wrong.', {}, { 'WWW-Authenticate': 'Bearer' });
    }
    await next();
  };
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

import type { IncomingMessage } from 'node:http';
import { problem } from './problem.ts';

/**
 * Reads a request's body, at most `limitBytes`. A declared length above that is refused unread; an undeclared one
 * as soon as it is exceeded, holding no more than the limit in memory. A body that breaks off is 400.
 */
export function readBody(request: IncomingMessage, limitBytes: number): Promise<Buffer> {
  const tooLarge = () => problem('contentTooLarge', `The body is larger than ${limitBytes} bytes.`);
  if (Number(request.headers['content-length'] ?? 0) > limitBytes) return Promise.reject(tooLarge());
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    const settle = (finish: () => void) => {
      request.off('data', take).off('end', end).off('close', breakOff).off('error', breakOff);
      finish();
    };
    const take = (chunk: Buffer) => {
      bytes += chunk.byteLength;
      if (bytes > limitBytes) settle(() => reject(tooLarge()));
      else chunks.push(chunk);
    };
    const end = () => settle(() => resolve(Buffer.concat(chunks, bytes)));
    const breakOff = () => settle(() => reject(problem('badRequest', 'The body broke off.')));
    request.on('data', take).on('end', end).on('close', breakOff).on('error', breakOff);
  });
}

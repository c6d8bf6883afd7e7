import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { isSigned, type Keys } from './signature.ts';

export type S3Server = Awaited<ReturnType<typeof startS3>>;

/** How the next requests are disturbed: refused with an error document, cut off without an answer, or cut off in the middle of a body. */
export type Disturbance = { readonly status: number; readonly code: string } | 'noAnswer' | 'halfAnswer';

type Refusal = { readonly status: number; readonly code: string };

/**
 * One bucket behind S3's HTTP protocol, as far as blobs need it: PUT, GET and HEAD of objects in path style. It checks signatures,
 * and the length and digests that a request claims of its body.
 */
export async function startS3(bucket: string, keys: Keys) {
  const objects = new Map<string, Buffer>();
  const requests: string[] = [];
  const disturbances: Disturbance[] = [];
  const server = createServer((request, response) => {
    requests.push(request.method ?? '');
    const disturbance = disturbances.shift();
    if (disturbance === 'noAnswer') request.socket.destroy();
    else answer(request, response, disturbance).catch(() => response.destroy());
  });

  async function answer(request: IncomingMessage, response: ServerResponse, disturbance?: Disturbance): Promise<void> {
    const body = await buffer(request);
    const refusal = typeof disturbance === 'object' ? disturbance : refusalOf(request, body);
    const key = keyOf(request);
    if (refusal !== null) return refuse(response, refusal);
    if (request.method === 'PUT') {
      objects.set(key, body);
      response.setHeader('ETag', `"${createHash('md5').update(body).digest('hex')}"`).end();
      return;
    }
    const object = objects.get(key);
    if (object === undefined) return refuse(response, { status: 404, code: 'NoSuchKey' });
    response.setHeader('Content-Length', object.byteLength).setHeader('Content-Type', 'application/octet-stream');
    if (request.method === 'HEAD') response.end();
    else if (disturbance === 'halfAnswer')
      response.write(object.subarray(0, object.byteLength / 2), () => response.destroy());
    else response.end(object);
  }

  function refusalOf(request: IncomingMessage, body: Buffer): Refusal | null {
    const { headers, method = '' } = request;
    if (!isSigned(request, keys)) return { status: 403, code: 'SignatureDoesNotMatch' };
    if (!['PUT', 'GET', 'HEAD'].includes(method)) return { status: 501, code: 'NotImplemented' };
    if (!request.url?.startsWith(`/${bucket}/`)) return { status: 404, code: 'NoSuchBucket' };
    const digest = createHash('sha256').update(body).digest();
    const claimed = headers['x-amz-content-sha256'];
    if (claimed === undefined) return { status: 400, code: 'MissingSecurityHeader' };
    if (claimed !== 'UNSIGNED-PAYLOAD' && claimed !== digest.toString('hex')) {
      return { status: 400, code: 'XAmzContentSHA256Mismatch' };
    }
    const checksum = headers['x-amz-checksum-sha256'];
    if (checksum !== undefined && checksum !== digest.toString('base64')) return { status: 400, code: 'BadDigest' };
    return null;
  }

  const keyOf = ({ url = '' }: IncomingMessage) =>
    decodeURIComponent(new URL(url, 'http://s3').pathname).slice(bucket.length + 2);

  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : undefined;
  return {
    objects,
    /** Methods of the requests so far. */
    requests: requests as readonly string[],
    endpoint: `http://127.0.0.1:${port}`,
    disturb: (...next: readonly Disturbance[]) => void disturbances.push(...next),
    async stop(): Promise<void> {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

function refuse(response: ServerResponse, { status, code }: Refusal): void {
  response.statusCode = status;
  response.setHeader('Content-Type', 'application/xml');
  response.end(`<?xml version="1.0" encoding="UTF-8"?><Error><Code>${code}</Code><Message>${code}</Message></Error>`);
}

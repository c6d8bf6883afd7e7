import { createHash, createHmac } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

export type Keys = { readonly accessKeyId: string; readonly secretAccessKey: string };

/** Whether a request carries a valid Signature Version 4 of these keys (S3's kind: the path is encoded once). */
export function isSigned(request: IncomingMessage, { accessKeyId, secretAccessKey }: Keys): boolean {
  const [, credential = '', names = '', signature = ''] =
    /^AWS4-HMAC-SHA256 Credential=(\S+), SignedHeaders=(\S+), Signature=([0-9a-f]{64})$/.exec(
      request.headers.authorization ?? '',
    ) ?? [];
  const [id, ...scope] = credential.split('/');
  const stringToSign = [
    'AWS4-HMAC-SHA256',
    header(request, 'x-amz-date'),
    scope.join('/'),
    sha256(canonicalRequest(request, names.split(';'))),
  ].join('\n');
  const key = scope.reduce<string | Buffer>((above, part) => hmac(above, part), `AWS4${secretAccessKey}`);
  return id === accessKeyId && hmac(key, stringToSign).toString('hex') === signature;
}

function canonicalRequest(request: IncomingMessage, names: readonly string[]): string {
  const url = new URL(request.url ?? '/', 'http://s3');
  const query = [...url.searchParams].map(([name, value]) => `${encode(name)}=${encode(value)}`).sort();
  return [
    request.method,
    url.pathname,
    query.join('&'),
    ...names.map((name) => `${name}:${header(request, name)}`),
    '',
    names.join(';'),
    header(request, 'x-amz-content-sha256'),
  ].join('\n');
}

function header(request: IncomingMessage, name: string): string {
  return String(request.headers[name] ?? '').trim();
}

function encode(text: string): string {
  return encodeURIComponent(text).replaceAll(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
}

function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

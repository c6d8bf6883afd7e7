// The Docker Engine's HTTP interface, as much of it as preparing a machine needs. Plain Node: this runs before npm ci,
// and a `docker` command of any age (or none) may be on PATH.

import { readFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import path from 'node:path';
import { Readable } from 'node:stream';
import { NotReadyError } from './steps.mjs';

export const DEFAULT_SOCKET = '/var/run/docker.sock';
/** 1.41 is what Engine 20.10 speaks; later engines still serve it. */
const VERSION = 'v1.41';

export class EngineError extends Error {
  constructor(status, message) {
    super(`the Docker Engine answered ${status}: ${message}`);
    this.name = 'EngineError';
    this.status = status;
  }
}

/** Where DOCKER_HOST points, as options of node:http. */
export function engineAddress(environment = process.env) {
  const host = environment.DOCKER_HOST || `unix://${DEFAULT_SOCKET}`;
  if (host.startsWith('unix://')) return { transport: http, options: { socketPath: host.slice('unix://'.length) } };
  const url = new URL(host);
  if (url.protocol !== 'tcp:') {
    throw new NotReadyError(
      `DOCKER_HOST is '${host}', and only unix:// and tcp:// are understood here.`,
      'Forward the remote socket (ssh -L /tmp/docker.sock:/var/run/docker.sock HOST) and set DOCKER_HOST=unix:///tmp/docker.sock',
    );
  }
  if (!environment.DOCKER_TLS_VERIFY)
    return { transport: http, options: { host: url.hostname, port: url.port || 2375 } };
  const certificate = (name) => readFileSync(path.join(environment.DOCKER_CERT_PATH ?? '', name));
  return {
    transport: https,
    options: {
      host: url.hostname,
      port: url.port || 2376,
      ca: certificate('ca.pem'),
      cert: certificate('cert.pem'),
      key: certificate('key.pem'),
    },
  };
}

/**
 * One request; the answer's body as a stream. `body` may be a readable stream (sent chunked), or an object (sent as JSON).
 * Throws EngineError for an answer of 400 and above, and the socket's own error when nobody answers.
 */
export function request(method, route, { query = {}, body, timeoutMs, versioned = true } = {}) {
  const { transport, options } = engineAddress();
  const search = new URLSearchParams(query).toString();
  const target = `${versioned ? `/${VERSION}` : ''}${route}${search ? `?${search}` : ''}`;
  const streamed = body instanceof Readable;
  const headers = { 'Content-Type': streamed ? 'application/x-tar' : 'application/json' };
  return new Promise((resolve, reject) => {
    const outgoing = transport.request({ ...options, method, path: target, headers, agent: false }, (response) => {
      if (response.statusCode < 400) {
        resolve(response);
        return;
      }
      readAll(response).then((text) => reject(new EngineError(response.statusCode, messageOf(text))), reject);
    });
    if (timeoutMs)
      outgoing.setTimeout(timeoutMs, () =>
        outgoing.destroy(new Error(`no answer from the Docker Engine within ${timeoutMs} ms`)),
      );
    outgoing.on('error', reject);
    if (streamed) body.on('error', (error) => outgoing.destroy(error)).pipe(outgoing);
    else outgoing.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

/** One request; the answer parsed as JSON (null where it is empty). */
export async function requestJson(method, route, options) {
  const text = await readAll(await request(method, route, options));
  return text.trim() ? JSON.parse(text) : null;
}

/** An image's inspection, or null where the engine has none by that name. */
export async function inspectImage(name) {
  return requestJson('GET', `/images/${encodeURIComponent(name)}/json`).catch((error) => {
    if (error.status === 404) return null;
    throw error;
  });
}

/**
 * Reads a build's or an import's progress (a JSON object a line) to its end; `onText` gets what the builder prints.
 * The HTTP status says nothing here: a failed build is an `error` line in a 200.
 */
export async function followProgress(response, onText) {
  let rest = '';
  let last = null;
  for await (const chunk of response) {
    const lines = (rest + chunk.toString()).split('\n');
    rest = lines.pop();
    for (const line of lines.filter((each) => each.trim())) {
      last = JSON.parse(line);
      if (last.error) throw new Error(`the Docker Engine could not do it: ${last.error}`);
      onText?.(last.stream ?? last.status ?? '');
    }
  }
  return last;
}

export async function readAll(stream) {
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

function messageOf(text) {
  try {
    return JSON.parse(text).message ?? text;
  } catch {
    return text;
  }
}

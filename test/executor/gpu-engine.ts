import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { hostname } from 'node:os';
import { buffer } from 'node:stream/consumers';
import type { ContainerCreateOptions } from 'dockerode';
import Docker from 'dockerode';
import { runnerDigestLabel } from '../../executor/attempt-names.ts';

export const image = { imageId: 'sha256:image', runnerDigest: 'a-runner' };
export const noDriver = 'could not select device driver "nvidia" with capabilities: [[gpu]]';

/**
 * As much of the Docker Engine's API, over HTTP, as a look at a GPU takes. What runs in a container prints `says` and ends; without that the
 * engine refuses to start what asks for a GPU, as one without NVIDIA's toolkit does.
 */
export async function gpuEngine(says: string | null) {
  const created: ContainerCreateOptions[] = [];
  const removed: string[] = [];
  const asked: string[] = [];
  let attached: ServerResponse | null = null;
  let hasEnded = false;

  const json = (response: ServerResponse, status: number, answer: unknown) => {
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(JSON.stringify(answer));
  };
  const state = () => ({
    ...{ Id: 'c', Image: image.imageId, Config: { Labels: {} } },
    State: {
      ...{ Status: hasEnded ? 'exited' : 'created', Running: false, Dead: false, OOMKilled: false, ExitCode: 0 },
      StartedAt: new Date(0).toISOString(),
    },
  });
  const info = {
    ...{ Name: `not-${hostname()}`, SecurityOptions: ['name=seccomp,profile=default'], CgroupDriver: 'cgroupfs' },
    ...{ NCPU: 4, MemTotal: 2 ** 36, Runtimes: { runc: {} } },
  };

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = decodeURIComponent(request.url?.split('?')[0] ?? '');
    const what = `${request.method} ${path.replace(/^\/containers\/prism-[^/]+/, '/containers/it')}`;
    asked.push(what);
    const body = await buffer(request);
    switch (what) {
      case 'GET /info':
        return json(response, 200, info);
      case `GET /images/${image.imageId}/json`:
        return json(response, 200, { Config: { Labels: { [runnerDigestLabel]: image.runnerDigest } } });
      case 'POST /containers/create':
        created.push(JSON.parse(body.toString()));
        return json(response, 201, { Id: 'c' });
      case 'POST /containers/it/attach':
        response.writeHead(200, { 'content-type': 'application/vnd.docker.raw-stream' });
        response.flushHeaders();
        attached = response;
        return;
      case 'POST /containers/it/start':
        if (says === null) return json(response, 500, { message: noDriver });
        hasEnded = true;
        response.writeHead(204).end();
        attached?.end(frameOf(says));
        return;
      case 'POST /containers/it/wait':
        return json(response, 200, { StatusCode: 0 });
      case 'GET /containers/it/json':
        return json(response, 200, state());
      case 'GET /containers/json':
        return json(response, 200, []);
      case 'GET /volumes':
        return json(response, 200, { Volumes: [] });
      case 'DELETE /containers/it':
        removed.push(path);
        attached?.end();
        return json(response, created.length > 0 ? 204 : 404, {});
      default:
        return json(response, 404, { message: `the double has no ${what}` });
    }
  }
  const server = createServer((request, response) => void answer(request, response));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return {
    docker: new Docker({ protocol: 'http', host: '127.0.0.1', port: address.port }),
    created,
    removed,
    asked,
    async close() {
      server.close();
      server.closeAllConnections();
    },
  };
}

/** A piece of standard output, as the engine frames it. */
function frameOf(text: string): Buffer {
  const header = Buffer.alloc(8);
  header[0] = 1;
  header.writeUInt32BE(Buffer.byteLength(text), 4);
  return Buffer.concat([header, Buffer.from(text)]);
}

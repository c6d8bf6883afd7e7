import { once } from 'node:events';
import { createServer } from 'node:http';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { runnerDigestLabel } from '../../executor/attempt-names.ts';

export const fakeImage = { imageId: 'sha256:fake', runnerDigest: 'fake-runner' };

/** As much of the Docker Engine's API as an executor asks at its start, and a list of everything that it is ever asked. */
export async function fakeDocker(folder: string) {
  const calls: string[] = [];
  const answers: Readonly<Record<string, unknown>> = {
    '/info': {
      ...{ Name: `not-${hostname()}`, SecurityOptions: ['name=seccomp,profile=default'], CgroupDriver: 'cgroupfs' },
      ...{ NCPU: 64, MemTotal: 2 ** 40 },
    },
    [`/images/${fakeImage.imageId}/json`]: {
      Config: { Labels: { [runnerDigestLabel]: fakeImage.runnerDigest } },
    },
    '/containers/json': [],
    '/volumes': { Volumes: [] },
  };
  const server = createServer((request, response) => {
    const path = request.url?.split('?')[0] ?? '';
    calls.push(`${request.method} ${path}`);
    const answer = answers[decodeURIComponent(path)];
    response.writeHead(answer === undefined ? 404 : 200, { 'content-type': 'application/json' });
    response.end(JSON.stringify(answer ?? { message: 'the fake has no such thing' }));
  });
  const path = join(folder, 'docker.sock');
  server.listen(path);
  await once(server, 'listening');
  return {
    host: `unix://${path}`,
    calls,
    async close() {
      server.close();
      server.closeAllConnections();
    },
  };
}

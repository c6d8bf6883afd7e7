import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { expect } from 'chai';
import Docker from 'dockerode';
import { dockerEngine } from '../../executor/docker-engine.ts';
import { EngineRefusedError } from '../../executor/engine-errors.ts';

/** What is written into containers of an engine that answers so. */
async function writing(content: Readable, answer: RequestListener): Promise<unknown> {
  const server = createServer(answer);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  const engine = dockerEngine(new Docker({ protocol: 'http', host: '127.0.0.1', port: address.port }));
  const closed = new Promise<void>((resolve) => void content.once('close', resolve));
  try {
    return await engine.putArchive('it', '/', content).catch((error: unknown) => error);
  } finally {
    await closed;
    server.close();
    await once(server, 'close'); // No connection is left open.
  }
}

/** More than a connection takes before somebody reads it. */
function endless(): Readable {
  return new Readable({
    read() {
      setImmediate(() => this.push(Buffer.alloc(65_536)));
    },
  });
}

describe('a stream that is written into a container', () => {
  it('is read to its end', async () => {
    let received = 0;
    const content = Readable.from([Buffer.alloc(100_000), Buffer.alloc(100_000)]);
    const answered = await writing(content, async (request, response) => {
      received = (await buffer(request)).byteLength;
      response.end();
    });
    expect(answered).to.equal(undefined);
    expect(received).to.equal(200_000);
  });

  it('is closed where there is no such container', async () => {
    const answered = await writing(endless(), (_, response) => void response.writeHead(404).end('{}'));
    expect(answered).to.equal(undefined);
  });

  it('is closed where the engine refuses', async () => {
    const answered = await writing(endless(), (_, response) => void response.writeHead(403).end('{}'));
    expect(answered).to.be.instanceOf(EngineRefusedError);
  });

  it('ends the request with its own error where it breaks off', async () => {
    const lost = new Error('the file is gone');
    const content = Readable.from(
      (async function* () {
        yield Buffer.alloc(1_000);
        throw lost;
      })(),
    );
    const answered = await writing(content, (request, response) => {
      request.resume().once('end', () => response.end());
    });
    expect(answered).to.equal(lost);
  });
});

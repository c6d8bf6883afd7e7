import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { createServer } from 'node:net';
import { expect } from 'chai';
import { pino } from 'pino';
import { type Config, readConfig, readModelsPath, storageLocation } from '../../config.ts';
import { operatorStream } from '../../domain/operator/events.ts';
import { startService } from '../../main.ts';
import { projections } from '../../projections/catalog.ts';
import { runProjectionTask } from '../../service/projection-tasks.ts';
import { openStorage } from '../../storage/open-storage.ts';
import { happen } from '../projections/fixtures.ts';
import { fillLog } from '../projections/long-history.ts';
import { faultOf, withFolder } from '../storage/fixtures.ts';
import { fakeDocker, fakeImage } from './fake-docker.ts';

const logger = pino({ level: 'silent' });
const noVal = { valDir: '/none', valDigest: 'none' };
const runner = {
  ...fakeImage,
  tokenizersDir: '/none',
  tokenizersDigest: 'none',
  dataDir: '/none',
  dataDigest: 'none',
  ...noVal,
};
const fakeRuntime = { runner, seasonSecret: Buffer.alloc(32), cutSecret: Buffer.alloc(32, 1), tokenizers: [] };
const names = projections.map(({ name }) => name);

async function configOf(dataDir: string, events: number): Promise<Config> {
  const storage = await openStorage({ dataDir });
  await fillLog(storage.log, events);
  await storage.close();
  return readConfig({
    PRISM_DATA_DIR: dataDir,
    PRISM_PORT: String(await freePort()),
    PRISM_EXECUTOR_NAME: 'test',
    PRISM_SHARED_TOKEN: 'token',
  });
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

async function textOf(url: string): Promise<string> {
  return (await fetch(url)).text();
}

/** Asks until `isIt` says that the answer is what is waited for. */
async function until<Answer>(ask: () => Promise<Answer>, isIt: (answer: Answer) => boolean): Promise<Answer> {
  for (;;) {
    const answer = await ask();
    if (isIt(answer)) return answer;
    await new Promise((resolve) => setImmediate(resolve));
  }
}

describe('a service and its read models', function () {
  this.timeout(60_000);

  it('answers while they are being built, and serves them then', () =>
    withFolder(async (dataDir) => {
      const config = await configOf(dataDir, 20_000);
      const api = `http://127.0.0.1:${config.port}`;
      const starting = startService(config, { api: true, runtime: null }, logger);
      const health = await until(
        () =>
          fetch(`${api}/health`).then(
            (response) => response.text(),
            () => '',
          ),
        (text) => text !== '',
      );
      expect(health).to.contain('projectionBuilding:scores');
      expect((await fetch(`${api}/v1/leaderboard`)).status).to.equal(503);
      const service = await starting;
      const board = await fetch(`${api}/v1/leaderboard?scope=all&device_class=cpu&wait=projected`);
      expect(await board.json())
        .to.have.property('entries')
        .with.length(50);
      await service.close();
    }));

  it('may be told to stop while they are being built, and leaves nothing half-built', () =>
    withFolder(async (dataDir) => {
      const config = await configOf(dataDir, 20_000);
      const stopping = new AbortController();
      const starting = faultOf(startService(config, { api: true, runtime: null }, logger, stopping.signal));
      await until(
        () =>
          fetch(`http://127.0.0.1:${config.port}/health`).then(
            () => true,
            () => false,
          ),
        (isThere) => isThere,
      );
      stopping.abort(new Error('stop'));
      expect(await starting).to.have.property('message', 'stop');
      expect(readdirSync(dataDir).filter((name) => name.includes('scratch'))).to.deep.equal([]);
      const again = await startService(config, { api: true, runtime: null }, logger);
      await again.close();
    }));

  it('asks the container engine nothing and commands nothing when they are all rebuilt', () =>
    withFolder(async (dataDir) => {
      const config = await configOf(dataDir, 3_000);
      await withFakeDocker(dataDir, async (calls) => {
        const service = await startService(config, { api: true, runtime: fakeRuntime }, logger);
        const storage = await openStorage({ dataDir });
        try {
          const callsOfStart = [...calls];
          expect(callsOfStart).to.include('GET /info');
          const head = await storage.log.head();
          const task = {
            kind: 'rebuild',
            names,
            storage: storageLocation(config),
            path: readModelsPath(config),
          } as const;
          expect(await runProjectionTask(task)).to.deep.equal({ kind: 'built' });
          // Wakes whoever acts, so that it looks at the new versions.
          await happen(storage.log, [[operatorStream, { type: 'SomethingElseDecided', data: {} }]]);
          await until(
            () => textOf(`${service.url}/metrics`),
            (text) => /prism_subscription_lag\{subscriber="processManager"\} 0\n/.test(text),
          );
          const health = JSON.parse(await textOf(`${service.url}/health`));
          expect(health.projections.map(({ version }: { version: number }) => version)).to.deep.equal(
            names.map(() => 2),
          );
          expect(calls).to.deep.equal(callsOfStart);
          expect(await storage.log.head()).to.equal(head + 1);
        } finally {
          await storage.close();
          await service.close();
        }
      });
    }));
});

async function withFakeDocker(folder: string, use: (calls: readonly string[]) => Promise<void>): Promise<void> {
  const engine = await fakeDocker(folder);
  const before = process.env.DOCKER_HOST;
  process.env.DOCKER_HOST = engine.host;
  try {
    await use(engine.calls);
  } finally {
    if (before === undefined) delete process.env.DOCKER_HOST;
    else process.env.DOCKER_HOST = before;
    await engine.close();
  }
}

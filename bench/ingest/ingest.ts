import { Agent, request as httpRequest } from 'node:http';
import { packFiles } from '../../gates/pack.ts';
import type { BenchOptions } from '../main.ts';
import { median, printMethod, printRate } from '../report.ts';
import { type BenchServer, startBenchServer } from './bench-server.ts';

/**
 * Durable bridge submissions a second: each with another bundle, each answered only after bundle and event are synced.
 * Baseline: a bare Koa route that reads the body and writes it as one row, synced the same way, one transaction each.
 * Servers are processes of their own; the client (this one) keeps its connections. Rounds alternate between the two.
 */
export async function ingest({ quick }: BenchOptions): Promise<void> {
  const rounds = quick ? 3 : 7;
  const submissions = quick ? 96 : 480;
  printMethod('ingest', `${submissions} distinct bundles a round, servers alternate, medians`, rounds);
  for (const concurrency of [1, 8, 32]) {
    const ours: number[] = [];
    const bare: number[] = [];
    for (let round = 0; round < rounds; round += 1) {
      ours.push(await measure('service.js', concurrency, submissions, `${concurrency}-${round}`));
      bare.push(await measure('bare-koa.js', concurrency, submissions, `${concurrency}-${round}`));
    }
    printRate({
      bench: 'ingest',
      case: `concurrency ${concurrency}`,
      value: median(ours),
      unit: 'submissions/s',
      baseline: 'bare koa, one row a request, WAL and FULL',
      baselineValue: median(bare),
    });
  }
}

async function measure(program: string, concurrency: number, submissions: number, round: string): Promise<number> {
  const server = await startBenchServer(program);
  try {
    const agent = new Agent({ keepAlive: true, maxSockets: concurrency });
    // Compilers and caches warm up on requests that aren't counted.
    await postAll(server, agent, concurrency, bundles(Math.ceil(submissions / 4), `warm-${round}`));
    const counted = bundles(submissions, round);
    const started = performance.now();
    await postAll(server, agent, concurrency, counted);
    const seconds = (performance.now() - started) / 1_000;
    agent.destroy();
    return submissions / seconds;
  } finally {
    await server.close();
  }
}

/** Bundles of a usual size, about 4 kB, no two alike. */
function bundles(count: number, salt: string): readonly Uint8Array[] {
  const body = '# a line of source that says nothing in particular\n'.repeat(40);
  return Array.from({ length: count }, (_, index) =>
    packFiles([
      { path: 'architecture.py', bytes: Buffer.from(`SALT = "${salt}-${index}"\n${body}`) },
      { path: 'training.py', bytes: Buffer.from(body) },
    ]),
  );
}

async function postAll(server: BenchServer, agent: Agent, concurrency: number, bodies: readonly Uint8Array[]) {
  const pending = bodies.values();
  const work = async () => {
    for (const body of pending) await post(server, agent, body);
  };
  await Promise.all(Array.from({ length: concurrency }, work));
}

function post({ url, headers }: BenchServer, agent: Agent, body: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    const length = { 'content-type': 'application/zip', 'content-length': body.byteLength };
    const request = httpRequest(url, { method: 'POST', agent, headers: { ...headers, ...length } }, (response) => {
      response.resume().once('end', () => {
        const isStored = response.statusCode === 200 || response.statusCode === 201;
        if (isStored) resolve();
        else reject(new Error(`a submission was answered ${response.statusCode}`));
      });
    });
    request.once('error', reject);
    request.end(body);
  });
}

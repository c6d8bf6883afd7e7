import { randomBytes } from 'node:crypto';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { Config } from '../../config.ts';
import { deriveId } from '../../domain/ids.ts';
import { shownUrl } from '../../storage/storage-url.ts';
import { leaderboardAnswer, type SubmissionAnswer, weightsAnswer } from '../answers.ts';
import { exitCodes } from '../exit-codes.ts';
import { describeGates, type GateTime, gateTimes } from '../gate-times.ts';
import { withLocalService } from '../local-service.ts';
import type { Output } from '../output.ts';
import { packageRoot } from '../package-root.ts';
import type { ServiceClient } from '../service-client.ts';
import { leaderboard, weights } from './board.ts';
import { describeSubmission } from './status.ts';
import { handIn, waitFor } from './submit.ts';

/** Two honest models of different quality, one whose training crashes, and one that a gate rejects. */
const examples = [
  { name: 'transformer', hotkey: 'demo-alice', ends: 'completed' },
  { name: 'gru', hotkey: 'demo-bob', ends: 'completed' },
  { name: 'crash', hotkey: 'demo-carol', ends: 'failed' },
  { name: 'forbidden', hotkey: 'demo-dave', ends: 'rejected' },
] as const;

const defaultStreamBytes = 250_000;
const demoMemoryBytes = 3 * 2 ** 30;

export type DemoOptions = {
  readonly streamBytes: number | undefined;
  /** A cluster's log, `esdb://…`; embedded where there is none. */
  readonly log: string | undefined;
};

/** The main job on a fresh log: real containers, real text, the real bridge route. Leaves only the log behind. */
export async function demo(environment: Config, options: DemoOptions, output: Output): Promise<number> {
  const config = demoConfig(environment, options);
  await rm(config.dataDir, { recursive: true, force: true });
  await mkdir(config.dataDir, { recursive: true });
  return withLocalService(config, (client) => scoreExamples(client, config, output));
}

/** Nothing of the environment but where an engine is: a demo is the same demo everywhere. */
export function demoConfig(environment: Config, { streamBytes = defaultStreamBytes, log }: DemoOptions): Config {
  const dataDir = join(packageRoot, '.prism', 'demo');
  return {
    ...environment,
    dataDir,
    logUrl: log === undefined ? `sqlite:${dataDir}` : freshLogIn(log),
    blobsUrl: 'files',
    cutSecretFile: join(dataDir, 'cut-secret'),
    initialPolicy: {
      streamBytes,
      // A rerun would double the time; without one a score counts with what its blind estimate leaves open.
      integrity: { reruns: { mode: 'off' } },
      // Four contestants more, one after the other, would add some twenty seconds a submission.
      heldOut: { mode: 'off' },
      deviceClasses: ['cpu'],
      limits: { memoryBytes: demoMemoryBytes, artifactsBytes: 2 ** 28 },
    },
    slots: [{ device: 'cpu0', deviceClass: 'cpu', cpuset: '0', memoryBytes: demoMemoryBytes }],
    executorName: 'demo',
    // Its log is a new one every time, but what an interrupted demo left in the engine is found by the next.
    instance: deriveId('instance', 'demo', dataDir),
  };
}

/** A cluster keeps what earlier demos stored: this one's streams get a prefix of their own, unless the url has one. */
function freshLogIn(url: string): string {
  if (/[?&]streamPrefix=/.test(url)) return url;
  return `${url}${url.includes('?') ? '&' : '?'}streamPrefix=demo${randomBytes(4).toString('hex')}`;
}

async function scoreExamples(client: ServiceClient, config: Config, output: Output): Promise<number> {
  const received = [];
  for (const { name, hotkey, ends } of examples) {
    const { id } = await handIn(client, join(packageRoot, 'examples', name), hotkey);
    output.note(`${name.padEnd(12)} handed in by ${hotkey} as ${id}`);
    received.push({ name, ends, id });
  }
  const settled = await Promise.all(
    received.map(async ({ name, ends, id }) => {
      const submission = await waitFor(client, id, (changed) =>
        output.note(`${name.padEnd(12)} ${describeSubmission(changed)}`),
      );
      return { name, ends, submission, gates: await gateTimes(client, submission.id) };
    }),
  );
  const board = await client.get('/v1/leaderboard', leaderboardAnswer);
  const answer = await client.get('/internal/v1/get_weights', weightsAnswer, { 'x-platform-challenge-slug': 'prism' });
  if (output.isJson) {
    const submissions = settled.map(({ name, submission, gates }) => ({ ...summaryOf(name, submission), gates }));
    output.result({ submissions, weights: answer.weights, leaderboard: board.entries }, () => '');
  } else {
    await tellPeople(client, settled, config, output);
  }
  const isAsExpected = settled.every(({ ends, submission }) => submission.status === ends);
  return isAsExpected ? exitCodes.ok : exitCodes.negative;
}

const measuredSchema = z.looseObject({
  score: z.looseObject({ bits_per_byte: z.number() }).nullable(),
  covered_bytes: z.number().nullable(),
  attempts: z.number(),
  record_digest: z.string().nullable(),
});

function summaryOf(name: string, submission: SubmissionAnswer) {
  const measured = measuredSchema.parse(submission);
  return {
    name,
    status: submission.status,
    finalScore: submission.final_score,
    bitsPerByte: measured.score?.bits_per_byte ?? null,
    coveredBytes: measured.covered_bytes,
    attempts: measured.attempts,
    recordDigest: measured.record_digest,
  };
}

type Settled = {
  readonly name: string;
  readonly submission: SubmissionAnswer;
  readonly gates: readonly GateTime[];
};

async function tellPeople(
  client: ServiceClient,
  settled: readonly Settled[],
  config: Config,
  output: Output,
): Promise<void> {
  const heading = (text: string) => output.result({}, () => `\n${text}`);
  heading('Leaderboard of this epoch');
  await leaderboard(client, {}, output);
  heading('Gates, and how long each took, waiting included');
  for (const { name, gates } of settled) output.result({}, () => `${name.padEnd(12)} ${describeGates(gates)}`);
  heading('What ended badly, and why');
  for (const { name, submission } of settled) {
    if (submission.status !== 'completed') output.result({}, () => `${name}: ${describeSubmission(submission)}`);
  }
  heading('Weights (a dry run: nothing is written on a chain)');
  await weights(client, output);
  heading('Where next');
  output.result({}, () =>
    [
      `The log stays in ${shownUrl(config.logUrl)}; look around in it with:`,
      `  PRISM_DATA_DIR=${config.dataDir}${shownLogVariable(config)} PRISM_EXECUTOR=off PRISM_SHARED_TOKEN=demo npx prism serve`,
      `  npx prism events ${settled[0]?.submission.id ?? '<id>'}`,
      'Scores are for show: the corpus and its season secret are public. docs/miner-guide.md says how to write a bundle.',
    ].join('\n'),
  );
}

function shownLogVariable({ logUrl }: Config): string {
  return logUrl.startsWith('sqlite:') ? '' : ` PRISM_LOG='${shownUrl(logUrl)}'`;
}

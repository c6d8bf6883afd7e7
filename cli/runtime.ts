import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { z } from 'zod';
import type { Config } from '../config.ts';
import { tokenizerClasses } from '../domain/tokenizer.ts';
import type { Runtime } from '../service/work.ts';
import { ensureSecretFile, NoSecretError } from '../storage/secret-file.ts';
import { CommandError, exitCodes } from './exit-codes.ts';
import { packageRoot } from './package-root.ts';

/**
 * The demo's season secret. It is public: whoever reads it knows the order of the demo's text, so demo scores are for
 * show. A season that counts has a file of its own (`PRISM_SEASON_SECRET_FILE`).
 */
export const demoSeasonSecret = '5e0f1c9a7d3b48e6a2c4f19b0d7e8356c1a4927fb3de60584f2a9c7e1b8d3046';

const readySchema = z.looseObject({
  runnerDigest: z.string(),
  imageId: z.string(),
  dataDir: z.string(),
  dataDigests: z.looseObject({ train: z.string(), val: z.string() }),
  tokenizersDir: z.string(),
  tokenizersDigest: z.string(),
  tokenizers: z.array(z.enum(tokenizerClasses)),
});

const checksSchema = z.array(
  z.looseObject({ name: z.string(), ok: z.boolean(), detail: z.string(), remedy: z.string().nullable() }),
);
export type Check = z.infer<typeof checksSchema>[number];

/** The set-up scripts are plain JavaScript, since they run before anything is installed or built. */
async function script(name: string): Promise<Record<string, unknown>> {
  return import(pathToFileURL(join(packageRoot, 'scripts', name)).href);
}

async function callScript(name: string, exported: string, ...parameters: unknown[]): Promise<unknown> {
  const called = (await script(name))[exported];
  if (typeof called !== 'function') throw new Error(`scripts/${name} exports no ${exported}`);
  return called(...parameters);
}

/**
 * Makes ready what attempts run on: engine, evaluator image, corpus, tables (quick when all is there). The engine, if it
 * had to be started, runs until `releaseRuntime`. Throws `CommandError` with the remedy when a person has to act.
 */
export async function prepareRuntime(config: Config): Promise<Runtime> {
  const ready = readySchema.parse(
    await callScript('runtime.mjs', 'ensureRuntime').catch((cause: unknown) => {
      throw isNotReady(cause) ? new CommandError(exitCodes.usage, `${cause.message}\n${cause.remedy}`) : cause;
    }),
  );
  const { runnerDigest, imageId, tokenizersDir, tokenizersDigest } = ready;
  return {
    runner: {
      ...{ imageId, runnerDigest, tokenizersDir, tokenizersDigest },
      dataDir: join(ready.dataDir, 'train'),
      dataDigest: ready.dataDigests.train,
      valDir: join(ready.dataDir, 'val'),
      valDigest: ready.dataDigests.val,
    },
    seasonSecret: Buffer.from(config.seasonSecret ?? demoSeasonSecret, 'hex'),
    cutSecret: await cutSecretOf(config),
    tokenizers: ready.tokenizers,
  };
}

async function cutSecretOf({ cutSecretFile }: Config): Promise<Uint8Array> {
  return ensureSecretFile(cutSecretFile).catch((error: unknown) => {
    throw error instanceof NoSecretError ? new CommandError(exitCodes.usage, error.message) : error;
  });
}

/** Gives up our claim on an engine that was started for us; it stops when nobody else wants it. */
export async function releaseRuntime(): Promise<void> {
  await callScript('engine.mjs', 'releaseEngine');
}

/** What this machine has and lacks. Changes nothing. */
export async function diagnose(): Promise<readonly Check[]> {
  return checksSchema.parse(await callScript('doctor.mjs', 'diagnose'));
}

const engineSchema = z.looseObject({ answers: z.boolean(), error: z.string().optional() });
const imageSchema = z.looseObject({ imageId: z.string() }).nullable();

export type EvaluatorImage = { readonly imageId: string } | { readonly missing: string };

/** The evaluator image of this version, where an engine answers and has it; else what is missing. Changes nothing. */
export async function findEvaluatorImage(): Promise<EvaluatorImage> {
  const engine = await callScript('engine.mjs', 'engineStatus').catch((cause: unknown) => {
    if (isNotReady(cause)) return { answers: false, error: cause.message };
    throw cause;
  });
  const { answers, error } = engineSchema.parse(engine);
  if (!answers) return { missing: `no container engine answers (${error ?? 'no reason given'})` };
  const image = imageSchema.parse(
    await callScript(join('..', 'gpu-runner', 'image', 'evaluator-image.mjs'), 'findEvaluatorImage'),
  );
  return image ?? { missing: 'the engine has no evaluator image of this version; npm run setup -- --runtime makes it' };
}

const tablesSchema = z.looseObject({ folder: z.string(), problem: z.string().nullable() });

/** Where the tokenizers' tables of this environment are, if they are whole; else what is missing. Changes nothing. */
export async function findTables(): Promise<{ readonly folder: string } | { readonly missing: string }> {
  const { folder, problem } = tablesSchema.parse(
    await callScript(join('..', 'gpu-runner', 'tables', 'tables.mjs'), 'checkTables'),
  );
  return problem === null ? { folder } : { missing: `${problem}; npm run setup -- --runtime mends it` };
}

function isNotReady(error: unknown): error is Error & { readonly remedy: string } {
  return error instanceof Error && 'remedy' in error && typeof error.remedy === 'string';
}

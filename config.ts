import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import { type PolicyDraft, policySchema } from './domain/policy/policy.ts';

/** A slot of this host: one device, the cores its containers share, and their memory. */
const slotPlanSchema = z.strictObject({
  device: z.string().regex(/^[a-z0-9.]+$/),
  deviceClass: z.enum(['cpu', 'gpu']),
  cpuset: z.string().regex(/^\d+(-\d+)?(,\d+(-\d+)?)*$/),
  memoryBytes: z.int().positive(),
});
export type SlotPlan = z.infer<typeof slotPlanSchema>;

/** What a service is started with. Paths are absolute. */
export type Config = {
  readonly dataDir: string;
  /** `sqlite:<folder>`, by default the data folder itself, or `esdb://…`. May hold a password. */
  readonly logUrl: string;
  /** `files`, `files:<folder>` or `s3://…`. */
  readonly blobsUrl: string;
  readonly host: string;
  readonly port: number;
  /** Null: the internal routes answer 503. */
  readonly sharedToken: string | null;
  /** Hex; keys the order of the stream's documents and the seeds. Null: the corpus's public demo secret. */
  readonly seasonSecret: string | null;
  /** File of the secret that cuts and lots are drawn from; made at the first start where it isn't there. */
  readonly cutSecretFile: string;
  /** Becomes policy 1 on a log that has none. */
  readonly initialPolicy: PolicyDraft;
  readonly slots: readonly SlotPlan[];
  /** Whether this process runs containers; `prism executor` is the other place for that. */
  readonly executor: boolean;
  readonly executorName: string;
  /** Names this service in the container engine. Null: made from the log's identity, so that two logs never share one. */
  readonly instance: string | null;
  /** The language model that reads bundles; null: none does. */
  readonly reviewer: ReviewerConfig | null;
  readonly logLevel: string;
};

export type ReviewerConfig = {
  readonly baseUrl: string;
  readonly model: string;
  /** The key's file, never the key: it is read for each request and kept nowhere. Null where the endpoint wants none. */
  readonly keyFile: string | null;
};

export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

const environmentSchema = z.object({
  PRISM_DATA_DIR: z.string().default('.prism'),
  PRISM_LOG: z.string().optional(),
  PRISM_BLOBS: z.string().default('files'),
  PRISM_HOST: z.string().default('127.0.0.1'),
  PRISM_PORT: z.coerce.number().int().min(0).max(65_535).default(8_710),
  PRISM_SHARED_TOKEN: z.string().min(1).optional(),
  CHALLENGE_SHARED_TOKEN: z.string().min(1).optional(),
  PRISM_SHARED_TOKEN_FILE: z.string().optional(),
  PRISM_SEASON_SECRET_FILE: z.string().optional(),
  PRISM_CUT_SECRET_FILE: z.string().optional(),
  PRISM_INITIAL_POLICY: z.string().optional(),
  PRISM_SLOTS: z.string().default('cpu0=0'),
  PRISM_SLOT_MEMORY: z.coerce
    .number()
    .int()
    .positive()
    .default(8 * 2 ** 30),
  PRISM_EXECUTOR: z.enum(['on', 'off']).default('on'),
  PRISM_EXECUTOR_NAME: z.string().optional(),
  PRISM_LLM_URL: z.string().optional(),
  PRISM_LLM_MODEL: z.string().optional(),
  PRISM_LLM_KEY_FILE: z.string().optional(),
  PRISM_LOG_LEVEL: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']).default('info'),
});

/** Reads and checks the environment. Throws `ConfigError` naming the variable; docs/configuration.md lists them. */
export function readConfig(environment: NodeJS.ProcessEnv): Config {
  const parsed = environmentSchema.safeParse(withoutEmpty(environment));
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new ConfigError(`${issue?.path.join('.') ?? 'environment'}: ${issue?.message ?? 'invalid'}`);
  }
  const read = parsed.data;
  const dataDir = resolve(read.PRISM_DATA_DIR);
  const logUrl = read.PRISM_LOG ?? `sqlite:${dataDir}`;
  return {
    dataDir,
    logUrl,
    blobsUrl: read.PRISM_BLOBS,
    host: read.PRISM_HOST,
    port: read.PRISM_PORT,
    sharedToken:
      read.PRISM_SHARED_TOKEN ??
      read.CHALLENGE_SHARED_TOKEN ??
      readSecret('PRISM_SHARED_TOKEN_FILE', read.PRISM_SHARED_TOKEN_FILE),
    seasonSecret: readSeasonSecret(read.PRISM_SEASON_SECRET_FILE),
    cutSecretFile: resolve(read.PRISM_CUT_SECRET_FILE ?? join(folderOfLog(logUrl) ?? dataDir, 'cut-secret')),
    initialPolicy: readPolicy(read.PRISM_INITIAL_POLICY),
    slots: readSlots(read.PRISM_SLOTS, read.PRISM_SLOT_MEMORY),
    executor: read.PRISM_EXECUTOR === 'on',
    executorName:
      read.PRISM_EXECUTOR_NAME ??
      hostname()
        .toLowerCase()
        .replaceAll(/[^a-z0-9.]/g, '.'),
    instance: null,
    reviewer: readReviewer(read),
    logLevel: read.PRISM_LOG_LEVEL,
  };
}

/** Where log and blobs are, as `openStorage` takes it. */
export function storageLocation({ logUrl, blobsUrl, dataDir }: Pick<Config, 'logUrl' | 'blobsUrl' | 'dataDir'>): {
  readonly url: string;
  readonly blobsUrl: string;
  readonly dataDir: string;
} {
  return { url: logUrl, blobsUrl, dataDir };
}

type DataFolder = Pick<Config, 'dataDir'>;

/** The read models' file of a service with an API. */
export function readModelsPath({ dataDir }: DataFolder): string {
  return join(dataDir, 'read-models.sqlite');
}

/** An executor beside an API folds for itself, so that neither waits for the other's transactions. */
export function executorReadModelsPath({ dataDir }: DataFolder): string {
  return join(dataDir, 'executor.sqlite');
}

/** `NAME=` in an environment file means: not set. */
function withoutEmpty(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== ''));
}

/** The folder of a log that has one: what belongs to the log lies beside it. */
function folderOfLog(logUrl: string): string | null {
  return /^sqlite:(.+)$/.exec(logUrl)?.[1] ?? null;
}

function readSecret(variable: string, path: string | undefined): string | null {
  if (path === undefined) return null;
  const secret = readFileOf(variable, path).trim();
  if (secret === '') throw new ConfigError(`${variable}: ${path} is empty`);
  return secret;
}

/** A reviewer's key as its file holds it now. Throws `ConfigError`. */
export function readReviewerKey({ keyFile }: ReviewerConfig): string | null {
  return readSecret('PRISM_LLM_KEY_FILE', keyFile ?? undefined);
}

const openRouter = 'https://openrouter.ai/api/v1';

/** A model makes a reviewer; an address or a key without one is a mistake. What a wrong key is, only the provider can say. */
function readReviewer({
  PRISM_LLM_MODEL: model,
  PRISM_LLM_URL: url = openRouter,
  PRISM_LLM_KEY_FILE: keyFile,
}: z.infer<typeof environmentSchema>): ReviewerConfig | null {
  if (model === undefined) {
    if (url === openRouter && keyFile === undefined) return null;
    throw new ConfigError('PRISM_LLM_MODEL: a reviewer needs the name of a model');
  }
  const parsed = URL.canParse(url) ? new URL(url) : null;
  if (parsed === null || !/^https?:$/.test(parsed.protocol) || parsed.username !== '' || parsed.password !== '') {
    throw new ConfigError('PRISM_LLM_URL: an http or https address is wanted, without a name or password in it');
  }
  const reviewer = { baseUrl: url, model, keyFile: keyFile === undefined ? null : resolve(keyFile) };
  readReviewerKey(reviewer);
  return reviewer;
}

function readSeasonSecret(path: string | undefined): string | null {
  const secret = readSecret('PRISM_SEASON_SECRET_FILE', path);
  if (secret !== null && !/^[0-9a-f]{64,}$/.test(secret)) {
    throw new ConfigError('PRISM_SEASON_SECRET_FILE: at least 64 lower-case hexadecimal digits are wanted');
  }
  return secret;
}

function readPolicy(path: string | undefined): PolicyDraft {
  if (path === undefined) return {};
  const parsed = policySchema.safeParse(parseJson(path, readFileOf('PRISM_INITIAL_POLICY', path)));
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new ConfigError(
    `PRISM_INITIAL_POLICY: ${path}: ${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'invalid'}`,
  );
}

/** `cpu0=0,cpu1=1`: device, and the cores of its containers. */
function readSlots(text: string, memoryBytes: number): readonly SlotPlan[] {
  return text.split(',').map((part) => {
    const [device, cpuset] = part.split('=');
    const deviceClass = device?.startsWith('gpu') ? 'gpu' : 'cpu';
    const parsed = slotPlanSchema.safeParse({ device, deviceClass, cpuset: cpuset?.replaceAll('+', ','), memoryBytes });
    if (parsed.success) return parsed.data;
    throw new ConfigError(
      `PRISM_SLOTS: '${part}' is no slot; wanted is <device>=<cores>, for example cpu0=0 or gpu0=0-1+4`,
    );
  });
}

function readFileOf(variable: string, path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw new ConfigError(`${variable}: ${path} can't be read`, { cause });
  }
}

function parseJson(path: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new ConfigError(`PRISM_INITIAL_POLICY: ${path} is no JSON`, { cause });
  }
}

/** What every document of a referee says of itself: which attempt it is of, on which platform. */
import { z } from 'zod';
import { sha256Hex } from '../domain/blob-digest.ts';
import { canonicalJson } from '../domain/canonical-json.ts';
import { countSchema, digestSchema } from '../domain/values.ts';
import { InvalidFileError } from './read-json.ts';
import type { RunSpec } from './run-spec.ts';

/** As the runner saw it before any submitted code ran. */
export const gpuSchema = z.strictObject({
  name: z.string(),
  capability: z.string(),
  driver: z.string(),
  cuda: z.string(),
  cudnn: z.string(),
});
export type GpuFacts = z.infer<typeof gpuSchema>;

export const platformSchema = z.strictObject({
  torch: z.string(),
  python: z.string(),
  cpu: z.string(),
  capability: z.string(),
  threads: z.int().positive(),
  device: z.string(),
  /** Of a run on `cuda`. */
  gpu: gpuSchema.optional(),
});

export const provenanceSchema = z.strictObject({
  submissionId: z.string(),
  run: z.string(),
  purpose: z.string(),
  attempt: countSchema,
  fencingToken: countSchema,
  codeHash: digestSchema,
  seed: countSchema,
  runnerDigest: digestSchema,
  dataDigest: digestSchema,
  tokenizersDigest: digestSchema,
  platform: platformSchema,
});
export type Provenance = z.infer<typeof provenanceSchema>;

const askedFields = [
  'submissionId',
  'run',
  'purpose',
  'attempt',
  'fencingToken',
  'codeHash',
  'seed',
  'runnerDigest',
  'dataDigest',
  'tokenizersDigest',
] as const;
export type AskedProvenance = Pick<RunSpec, (typeof askedFields)[number]>;

/** Throws `InvalidFileError` where a document is of something else than what was asked for. */
export function checkProvenance(provenance: Provenance, asked: AskedProvenance): void {
  for (const field of askedFields) mustBe(`provenance.${field}`, provenance[field], asked[field]);
}

/** Throws `InvalidFileError`. */
export function mustBe(what: string, stated: unknown, expected: unknown): void {
  if (stated !== expected) throw new InvalidFileError(`${what} is ${stated}, expected ${expected}`);
}

/** SHA-256 over the canonical JSON of the fingerprint: results compare exactly only where it is the same. */
export function platformDigest({ runnerDigest, platform }: Pick<Provenance, 'runnerDigest' | 'platform'>): string {
  const fingerprint = canonicalJson({ runnerDigest, ...platform });
  return sha256Hex(Buffer.from(fingerprint));
}

const longestProblem = 1_000;

/** What is wrong with a referee's files, in words. */
export function problemOf(error: unknown): string {
  if (error instanceof z.ZodError) {
    const places = error.issues.slice(0, 5).map((issue) => `${issue.path.join('.')}: ${issue.message}`);
    return `The referee's files have another shape: ${places.join('; ')}`.slice(0, longestProblem);
  }
  return String(error instanceof Error ? error.message : error).slice(0, longestProblem);
}

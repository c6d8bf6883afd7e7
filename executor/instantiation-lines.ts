import { z } from 'zod';
import { aboutTokens } from '../domain/about-tokens.ts';
import type { Policy } from '../domain/policy/policy.ts';
import type { InstantiationReport, InstantiationRequest } from '../domain/ports/instantiator.ts';
import { textLimit } from '../domain/submission/events.ts';
import { countSchema, digestSchema } from '../domain/values.ts';
import { forcedSeed } from './run-spec.ts';

/** The lines that a container is asked and answers in that builds a model once (PROTOCOL.md §12). */

export const readyLine = '{"event":"ready"}';
/** Longer than any report that our side of the process writes. */
export const reportLineBytes = 65_536;

const microNats = countSchema;
const reportSchema = z
  .strictObject({
    schema: z.literal('prism_instantiation.v1'),
    stage: z.enum(['import', 'build', 'forward', 'training', 'probes', 'behaviour', 'done']),
    failure: z
      .strictObject({
        kind: z.enum(['exception', 'contract', 'time', 'memory']),
        where: z.string().max(textLimit).nullable(),
        message: z.string().max(textLimit),
      })
      .nullable(),
    parameters: countSchema.nullable(),
    buffers: countSchema.nullable(),
    asked: z.strictObject({ rows: countSchema, length: countSchema, vocab: countSchema }).nullable(),
    output: z
      .strictObject({
        type: z.string().max(100),
        shape: z.array(countSchema).max(8).nullable(),
        dtype: z.string().max(100).nullable(),
      })
      .nullable(),
    probes: z
      .array(
        z.strictObject({
          repeatMicroNats: microNats,
          lookaheadMicroNats: microNats,
          seconds: z.number().nonnegative(),
        }),
      )
      .max(8),
    behaviour: digestSchema.nullable(),
    cpuSeconds: z.number().nonnegative(),
    peakRssBytes: countSchema,
  })
  .transform(({ schema: _, ...report }) => report) satisfies z.ZodType<InstantiationReport>;

/** Null for whatever isn't a report. */
export function parseReport(line: string): InstantiationReport | null {
  try {
    return reportSchema.parse(JSON.parse(line));
  } catch {
    return null;
  }
}

/** One line. `ctx` says what it says in the run, but for the number of tokens, and on a CPU. `vocab`: V of `llama`, which only its model knows. */
export function instantiationQuestion(
  { codeHash, contract, bundle }: InstantiationRequest,
  { limits, streamBytes, instantiation }: Policy,
  seasonSecret: Uint8Array,
  vocab: number | null,
): string {
  const { tokenizer, architecture, training } = contract;
  const question = {
    bundle: Buffer.from(bundle).toString('base64'),
    architecture: { entrypoint: architecture.entrypoint, symbol: architecture.symbol },
    training: { entrypoint: training.entrypoint, symbol: training.symbol },
    vocab,
    ctx: {
      tokenizer,
      maxSeqLen: limits.defaultSeqLen,
      maxLayers: limits.maxLayers,
      maxParameters: limits.maxParameters,
      seed: forcedSeed(seasonSecret, codeHash),
      device: 'cpu',
      worldSize: 1,
      backend: 'gloo',
      threads: 1,
      tokenBudget: aboutTokens(streamBytes, tokenizer),
      budgetSeconds: limits.budgetSeconds,
    },
    limits: { cpuSeconds: instantiation.cpuSeconds, memoryBytes: instantiationMemoryBytes({ limits, instantiation }) },
  };
  return `${JSON.stringify(question)}\n`;
}

/** A model that needs more than a run has would fail there. */
export function instantiationMemoryBytes({ limits, instantiation }: Pick<Policy, 'limits' | 'instantiation'>): number {
  return Math.min(instantiation.memoryBytes, limits.memoryBytes);
}

import { z } from 'zod';
import { countSchema, digestSchema } from '../domain/values.ts';

/** A record of a production stream with small batches is this large; anything above it isn't read. */
export const recordLimitBytes = 256 * 2 ** 20;

const batchSchema = z.strictObject({
  rows: z.int().positive(),
  length: z.int().min(2),
  firstTokens: countSchema,
  microNats: countSchema,
  coveredBytes: countSchema,
});
const groupSchema = z.strictObject({ positions: countSchema, microNats: countSchema, logits: digestSchema });

/** `prism_record.v1` (PROTOCOL.md §3): what the referee wrote down of a run. Costs in integer microNats. */
export const recordSchema = z.strictObject({
  schema: z.literal('prism_record.v1'),
  codeHash: digestSchema,
  seed: countSchema,
  tokenizer: z.enum(['bytes', 'gpt2']),
  vocab: z.int().min(2),
  streamBytes: z.int().positive(),
  streamTokens: z.int().positive(),
  epsilon: z.literal('2^-12'),
  batches: z.array(batchSchema),
  groups: z.array(groupSchema),
  remainder: z.strictObject({ tokens: countSchema, bytes: countSchema, microNats: countSchema }),
  totals: z.strictObject({
    predictedTokens: countSchema,
    laneFirstTokens: countSchema,
    microNats: countSchema,
    coveredBytes: countSchema,
    uncoveredBytes: countSchema,
  }),
});
export type RunRecord = z.infer<typeof recordSchema>;

/** Cost of a token that nobody predicted: ln V, rounded once to microNats. */
export function uniformMicroNats(vocab: number): number {
  return Math.round(Math.log(vocab) * 1e6);
}

/** The worst that p' = (1 − ε)·p + ε/V can cost a token, ε = 2⁻¹², in microNats. */
function worstMicroNats(vocab: number): number {
  return Math.round((Math.log(vocab) + 12 * Math.LN2) * 1e6);
}

/** Scored positions after which a group closes, at the end of a row. */
const groupPositions = 1_024;

/** A record that contradicts itself. The message names the first contradiction. */
export class InconsistentRecordError extends Error {
  override readonly name = 'InconsistentRecordError';
}

function mustEqual(what: string, stated: number, computed: number): void {
  if (stated !== computed) throw new InconsistentRecordError(`${what}: stated ${stated}, computed ${computed}`);
}

function mustHold(what: string, holds: boolean): void {
  if (!holds) throw new InconsistentRecordError(what);
}

/** Recomputes everything in a record that follows from the rest of it. Throws `InconsistentRecordError`. */
export function checkRecord(record: RunRecord): void {
  const { batches, groups, remainder, totals, vocab, streamBytes, streamTokens } = record;
  const uniform = uniformMicroNats(vocab);
  const predicted = sum(batches, ({ rows, length }) => rows * (length - 1));
  const laneFirst = sum(batches, ({ firstTokens }) => firstTokens);
  const batchNats = sum(batches, ({ microNats }) => microNats);
  mustEqual('totals.predictedTokens', totals.predictedTokens, predicted);
  mustEqual('totals.laneFirstTokens', totals.laneFirstTokens, laneFirst);
  mustEqual('totals.microNats', totals.microNats, batchNats + remainder.microNats);
  mustEqual(
    'batches against groups and lane-first tokens',
    batchNats,
    sum(groups, ({ microNats }) => microNats) + laneFirst * uniform,
  );
  mustEqual('remainder.microNats', remainder.microNats, remainder.tokens * uniform);
  mustEqual('streamBytes', streamBytes, totals.coveredBytes + totals.uncoveredBytes);
  mustEqual('totals.coveredBytes', totals.coveredBytes, (batches.at(-1)?.coveredBytes ?? 0) + remainder.bytes);
  const charged = predicted + laneFirst + remainder.tokens;
  mustHold('more tokens charged than the stream has', charged <= streamTokens);
  mustHold(
    'whole stream charged, or some bytes uncovered',
    (charged === streamTokens) === (totals.uncoveredBytes === 0),
  );
  checkBatches(record);
  checkGroups(record);
}

function checkBatches({ batches, vocab }: RunRecord): void {
  const [uniform, worst] = [uniformMicroNats(vocab), worstMicroNats(vocab)];
  let covered = 0;
  for (const [index, batch] of batches.entries()) {
    const first = batch.firstTokens * uniform;
    mustHold(`batches[${index}].firstTokens`, batch.firstTokens === 0 || batch.firstTokens === batch.rows);
    mustHold(`batches[${index}].coveredBytes falls`, batch.coveredBytes >= covered);
    const predicted = batch.rows * (batch.length - 1);
    mustHold(
      `batches[${index}].microNats out of bounds`,
      batch.microNats >= first && batch.microNats <= first + predicted * worst,
    );
    covered = batch.coveredBytes;
  }
  mustHold('the first batch charges its lanes', batches.length === 0 || (batches[0]?.firstTokens ?? 0) > 0);
}

/**
 * Groups are runs of whole rows across batches, closed at the first row that fills them: their sizes follow from B and
 * T.
 */
function checkGroups({ batches, groups, vocab }: RunRecord): void {
  const worst = worstMicroNats(vocab);
  let [index, open] = [0, 0];
  const close = () => {
    const group = groups[index];
    if (group === undefined) throw new InconsistentRecordError(`groups: fewer than the batches' rows fill`);
    mustEqual(`groups[${index}].positions`, group.positions, open);
    mustHold(`groups[${index}].microNats out of bounds`, group.microNats <= group.positions * worst);
    index += 1;
    open = 0;
  };
  for (const { rows, length } of batches) {
    for (let row = 0; row < rows; row += 1) {
      open += length - 1;
      if (open >= groupPositions) close();
    }
  }
  if (open > 0) close();
  mustEqual('groups', groups.length, index);
}

function sum<Item>(items: readonly Item[], of: (item: Item) => number): number {
  return items.reduce((total, item) => total + of(item), 0);
}

/** `prism_record.v2` (PROTOCOL.md): its shape, and everything in it that follows from the rest. */
import { z } from 'zod';
import {
  mostBaselineMicroNats,
  predictedIn,
  type RunRecord,
  uniformMicroNats,
  worstMicroNats,
} from '../domain/integrity/record.ts';
import { countSchema, digestSchema } from '../domain/values.ts';

/** A record of a production stream with small batches is this large; anything above it isn't read. */
export const recordLimitBytes = 256 * 2 ** 20;

const batchSchema = z.strictObject({
  rows: z.int().positive(),
  length: z.int().min(2),
  firstTokens: countSchema,
  microNats: countSchema,
  coveredBytes: countSchema,
  baselineMicroNats: countSchema,
  scoredRows: z.int().positive(),
  rowMicroNats: z.array(countSchema).optional(),
});
const groupSchema = z.strictObject({ positions: countSchema, microNats: countSchema, logits: digestSchema });

export const recordSchema = z.strictObject({
  schema: z.literal('prism_record.v2'),
  codeHash: digestSchema,
  seed: countSchema,
  tokenizer: z.string().min(1).max(4_096),
  vocab: z.int().min(2),
  streamBytes: z.int().positive(),
  streamTokens: z.int().positive(),
  epsilon: z.literal('2^-12'),
  scoredRowFraction: z.number().gt(0).max(1),
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
}) satisfies z.ZodType<RunRecord>;

/** Predicted positions after which a group closes, at the end of a row. */
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

/** Throws `InconsistentRecordError`. */
export function checkRecord(record: RunRecord): void {
  const { batches, groups, remainder, totals, vocab, streamBytes, streamTokens } = record;
  const uniform = uniformMicroNats(vocab);
  const predicted = sum(batches, predictedIn);
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

function checkBatches({ batches, vocab, scoredRowFraction }: RunRecord): void {
  let covered = 0;
  for (const [index, batch] of batches.entries()) {
    const { rows, firstTokens, coveredBytes } = batch;
    mustHold(`batches[${index}].firstTokens`, firstTokens === 0 || firstTokens === rows);
    mustHold(`batches[${index}].coveredBytes falls`, coveredBytes >= covered);
    mustHold(
      `batches[${index}].baselineMicroNats out of bounds`,
      batch.baselineMicroNats <= predictedIn(batch) * mostBaselineMicroNats,
    );
    checkRows(index, batch, vocab, scoredRowFraction);
    covered = coveredBytes;
  }
  mustHold('the first batch charges its lanes', batches.length === 0 || (batches[0]?.firstTokens ?? 0) > 0);
}

/** The scored rows, as many of them as the fraction says, carry the batch's charge. */
function checkRows(index: number, batch: RunRecord['batches'][number], vocab: number, fraction: number): void {
  const { rows, length, scoredRows, microNats, rowMicroNats } = batch;
  const charged = microNats - batch.firstTokens * uniformMicroNats(vocab);
  const worst = (length - 1) * worstMicroNats(vocab);
  mustHold(`batches[${index}].microNats out of bounds`, charged >= 0 && charged <= scoredRows * worst);
  if (fraction === 1) {
    mustEqual(`batches[${index}].scoredRows`, scoredRows, rows);
    mustHold(`batches[${index}].rowMicroNats where every row is scored`, rowMicroNats === undefined);
    return;
  }
  mustEqual(`batches[${index}].scoredRows`, scoredRows, Math.max(1, Math.floor(fraction * rows + 0.5)));
  mustEqual(`batches[${index}].rowMicroNats`, rowMicroNats?.length ?? 0, scoredRows);
  mustEqual(`batches[${index}].rowMicroNats in all`, sum(rowMicroNats ?? [], Number), charged);
  mustHold(
    `batches[${index}].rowMicroNats out of bounds`,
    (rowMicroNats ?? []).every((cost) => cost <= worst),
  );
}

/**
 * Groups are runs of whole rows across batches, closed at the first row that fills them: their sizes follow from B and T. Which rows are
 * scored isn't in the record: where some aren't, a group has at most its size, and all groups have what the batches have.
 */
function checkGroups({ batches, groups, vocab, scoredRowFraction }: RunRecord): void {
  const sizes = groupSizes(batches);
  mustEqual('groups', groups.length, sizes.length);
  for (const [index, { positions, microNats }] of groups.entries()) {
    const size = sizes[index] ?? 0;
    if (scoredRowFraction === 1) mustEqual(`groups[${index}].positions`, positions, size);
    mustHold(`groups[${index}].positions are more than its rows have`, positions <= size);
    mustHold(`groups[${index}].microNats out of bounds`, microNats <= positions * worstMicroNats(vocab));
  }
  const scored = sum(batches, ({ scoredRows, length }) => scoredRows * (length - 1));
  mustEqual(
    "groups' positions",
    sum(groups, ({ positions }) => positions),
    scored,
  );
}

/** Predicted positions of each group, scored or not. */
function groupSizes(batches: RunRecord['batches']): readonly number[] {
  const sizes: number[] = [];
  let open = 0;
  for (const { rows, length } of batches) {
    for (let row = 0; row < rows; row += 1) {
      open += length - 1;
      if (open < groupPositions) continue;
      sizes.push(open);
      open = 0;
    }
  }
  return open > 0 ? [...sizes, open] : sizes;
}

function sum<Item>(items: readonly Item[], of: (item: Item) => number): number {
  return items.reduce((total, item) => total + of(item), 0);
}

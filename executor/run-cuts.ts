/** `prism_cuts.v1` (PROTOCOL.md): its shape, and everything in it that follows from the record and the cut key. */
import { z } from 'zod';
import { sha256Hex } from '../domain/blob-digest.ts';
import { type Density, decoyCuts, expectedDecoys, placeDecoys, uniformOf } from '../domain/integrity/placement.ts';
import {
  type DecoyFrame,
  mostBaselineMicroNats,
  type RunCuts,
  type RunRecord,
  worstMicroNats,
} from '../domain/integrity/record.ts';
import { countSchema, digestSchema } from '../domain/values.ts';

const countsSchema = z.array(countSchema);

export const cutsSchema = z.strictObject({
  schema: z.literal('prism_cuts.v1'),
  keyDigest: digestSchema,
  cutsPerMegabyte: z.number().nonnegative(),
  framesPerBatch: z.number().nonnegative(),
  frames: z.array(
    z.strictObject({
      batch: countSchema,
      rows: countsSchema.optional(),
      cuts: countsSchema,
      blind: countsSchema,
      claimed: countsSchema,
      baseline: countsSchema,
      largest: countsSchema,
    }),
  ),
}) satisfies z.ZodType<RunCuts>;

/** Cuts that contradict the record, their key, or themselves. The message names the first contradiction. */
export class InconsistentCutsError extends Error {
  override readonly name = 'InconsistentCutsError';
}

/** How densely, and by which key, in hex. */
type AskedCuts = Density & { readonly cutKey: string };

function mustHold(what: string, holds: boolean): void {
  if (!holds) throw new InconsistentCutsError(what);
}

/**
 * Checks the cuts against the record of the same attempt: exactly the decoys that the key places, each cut where the key draws it, and costs
 * that a token can have. Throws `InconsistentCutsError`.
 */
export function checkCuts(cuts: RunCuts, record: RunRecord, asked: AskedCuts): void {
  const cutKey = keyOf(asked);
  mustHold('keyDigest is not that of the key', cuts.keyDigest === sha256Hex(cutKey));
  mustHold('cutsPerMegabyte is not what was asked', cuts.cutsPerMegabyte === asked.cutsPerMegabyte);
  mustHold('framesPerBatch is not what was asked', cuts.framesPerBatch === asked.framesPerBatch);
  const counts = framesBefore(record, asked);
  let next = 0;
  counts.forEach((count, batch) => {
    const shape = record.batches[batch];
    if (shape === undefined) return;
    decoyCuts(cutKey, batch, count, shape).forEach((drawn, frame) => {
      checkFrame(`frames[${next + frame}]`, cuts.frames[next + frame], batch, shape.scoredRows, drawn, record.vocab);
    });
    next += count;
  });
  mustHold(`${cuts.frames.length} frames, the key places ${next}`, cuts.frames.length === next);
}

/** How many cuts the key places in a run with these batches. */
export function cutsIn(record: Pick<RunRecord, 'batches'>, asked: AskedCuts): number {
  return framesBefore(record, asked).reduce(
    (sum, frames, batch) => sum + frames * (record.batches[batch]?.scoredRows ?? 0),
    0,
  );
}

/** Decoys before each batch. */
function framesBefore({ batches }: Pick<RunRecord, 'batches'>, asked: AskedCuts): readonly number[] {
  return placeDecoys(expectedDecoys(batches, asked), uniformOf(keyOf(asked)));
}

function keyOf({ cutKey }: AskedCuts): Buffer {
  return Buffer.from(cutKey, 'hex');
}

function checkFrame(
  name: string,
  frame: DecoyFrame | undefined,
  batch: number,
  scoredRows: number,
  drawn: readonly number[],
  vocab: number,
): void {
  mustHold(`${name} is missing, or before another batch`, frame?.batch === batch);
  if (frame === undefined) return;
  const rows = frame.rows ?? drawn.map((_, row) => row);
  mustHold(`${name}.rows are not the scored ones`, rows.length === scoredRows && isAscending(rows, drawn.length));
  const { cuts, blind, claimed, baseline, largest } = frame;
  const expected = rows.map((row) => drawn[row]);
  mustHold(`${name}.cuts are not those of the key`, isEqual(cuts, expected));
  for (const [what, costs] of Object.entries({ blind, claimed, baseline, largest })) {
    const most = what === 'baseline' ? mostBaselineMicroNats : worstMicroNats(vocab);
    mustHold(`${name}.${what} has another length`, costs.length === rows.length);
    mustHold(
      `${name}.${what} out of bounds`,
      costs.every((cost) => cost <= most),
    );
  }
  mustHold(
    `${name}.largest is below the difference at the cut`,
    largest.every((difference, index) => difference >= Math.abs((blind[index] ?? 0) - (claimed[index] ?? 0))),
  );
}

function isAscending(rows: readonly number[], bound: number): boolean {
  return rows.every((row, index) => row > (rows[index - 1] ?? -1) && row < bound);
}

function isEqual(left: readonly number[], right: readonly (number | undefined)[]): boolean {
  return left.length === right.length && left.every((value, index) => value === right[index]);
}

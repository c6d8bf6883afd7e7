import { createHash, createHmac } from 'node:crypto';
import type { BatchRecord } from './record.ts';

/**
 * Where a run's decoys lie and what they ask: a function of its cut key and the shapes of its batches. The referee places them, and
 * whoever has the key and the record finds the same places (gpu-runner/PROTOCOL.md).
 *
 * λ of a batch is the number of decoys that it expects, Λ the sum of λ up to and with it. Decoy j = 0, 1, … lies at
 * j + U(j) on the axis of Λ, U(j) uniform in [0, 1): one in every unit (stratum) of it, so that their number is certain to within
 * one, and a batch has λ of them on average.
 */

/** How densely a run is examined. */
export type Density = {
  /** Cuts per 10⁶ raw bytes of the stream. */
  readonly cutsPerMegabyte: number;
  /** Decoy frames that a batch expects at least; the first batch expects at least one. */
  readonly framesPerBatch: number;
};

type Shapes = readonly Pick<BatchRecord, 'rows' | 'coveredBytes'>[];

/** λ of every batch. */
export function expectedDecoys(batches: Shapes, density: Density): readonly number[] {
  let covered = 0;
  return batches.map(({ rows, coveredBytes }, index) => {
    const wanted = wantedDecoys(rows, coveredBytes - covered, density);
    covered = coveredBytes;
    return index === 0 ? Math.max(wanted, 1) : wanted;
  });
}

/** λ that a density asks for in a batch of so many rows, which covers `newBytes` for the first time. */
export function wantedDecoys(rows: number, newBytes: number, { cutsPerMegabyte, framesPerBatch }: Density): number {
  return Math.max(framesPerBatch, (cutsPerMegabyte * newBytes) / 1e6 / rows);
}

/** Decoys of every batch. `uniform` gives U(j). */
export function placeDecoys(lambdas: readonly number[], uniform: (index: number) => number): readonly number[] {
  let [reached, next] = [0, 0];
  return lambdas.map((lambda) => {
    reached += lambda;
    const first = next;
    while (next + uniform(next) < reached) next += 1;
    return next - first;
  });
}

/** U(j) of a key: the upper 53 bits of the first eight bytes, little-endian, of HMAC-SHA256(key, "place:" j). */
export function uniformOf(cutKey: Uint8Array): (index: number) => number {
  return (index) => {
    const mac = createHmac('sha256', cutKey).update(`place:${index}`).digest();
    return Number(mac.readBigUInt64LE(0) >> 11n) * 2 ** -53;
  };
}

/**
 * The cuts of a batch's decoys, frame by frame and row by row, 1 … T − 1. Frame f draws them from SHAKE-256(key "frame:" batch ":" f);
 * the cuts of a row are then sorted over the frames, so that no decoy shows what a later one asks blind.
 */
export function decoyCuts(
  cutKey: Uint8Array,
  batch: number,
  frames: number,
  { rows, length }: Pick<BatchRecord, 'rows' | 'length'>,
): readonly (readonly number[])[] {
  const drawn = Array.from({ length: frames }, (_, frame) => {
    const stream = createHash('shake256', { outputLength: 8 * rows });
    const bytes = stream.update(cutKey).update(`frame:${batch}:${frame}`).digest();
    return Array.from({ length: rows }, (_, row) => 1 + Number(bytes.readBigUInt64LE(8 * row) % BigInt(length - 1)));
  });
  const byRow = Array.from({ length: rows }, (_, row) =>
    drawn.map((frame) => frame[row] ?? 0).sort((left, right) => left - right),
  );
  return drawn.map((_, frame) => byRow.map((cuts) => cuts[frame] ?? 0));
}

/** How much of each stratum of Λ a batch takes: the chances that the stratum's decoy is one of its. Adds up to λ. */
export function strataOf(lambdaBefore: number, lambda: number): readonly number[] {
  const after = lambdaBefore + lambda;
  const first = Math.floor(lambdaBefore);
  const shares = Array.from(
    { length: Math.ceil(after) - first },
    (_, index) => Math.min(after, first + index + 1) - Math.max(lambdaBefore, first + index),
  );
  return shares.filter((share) => share > 0);
}

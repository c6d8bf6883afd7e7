/**
 * How large the document of a run's cuts (`prism_cuts.v1`) may get, in bytes. It grows with the decoy frames and with the cuts in them, and who
 * chooses short rows has many of both. Policy is held to what the shortest rows would need, and a rerun to what its run's rows need, so that
 * whatever is asked can be written down and read.
 */
import type { Policy } from '../policy/policy.ts';
import type { Density } from './placement.ts';
import type { BatchRecord } from './record.ts';

/** Anything above isn't read: it is read as one text, and a text holds less than 512 MiB. */
export const cutsLimitBytes = 400 * 2 ** 20;

/** Five numbers and a row's, with a comma each: a cut has 3 digits, a row 5, a cost 8, what the referee's predictor pays 10. */
const cutBytes = 48;
/** Names, brackets and a batch of 6 digits. */
const frameBytes = 88;
/** PROTOCOL.md §2: a row has 16 tokens at least, of which the first one was predicted before; a run has so many batches at most. */
const shortestRow = 15;
const mostBatches = 1_000_000;
/** A rerun's decoys are a whole number before each batch: rounded, they are half as many again at most. */
const mostRoundedUp = 1.5;

/** As many decoys before every batch of these as can be written down. */
export function recordableFrames(batches: readonly Pick<BatchRecord, 'rows'>[]): number {
  const rows = batches.reduce((sum, batch) => sum + batch.rows, 0);
  return Math.floor(cutsLimitBytes / Math.max(1, rows * cutBytes + batches.length * frameBytes));
}

/** Why the longest document under a policy couldn't be read, as a sentence; null where it can. */
export function unrecordableCuts({ streamBytes, limits, integrity }: Policy): string | null {
  const rows = Math.ceil(streamBytes / shortestRow) + limits.maxBatchTokens;
  const perFrameOfAll = rows * cutBytes + Math.min(rows, mostBatches) * frameBytes;
  const perDensity = ({ cutsPerMegabyte }: Density) =>
    ((cutsPerMegabyte * streamBytes) / 1e6) * (cutBytes + frameBytes);
  const { run, rerun, reruns } = integrity;
  const needed = {
    run: run.framesPerBatch * perFrameOfAll + perDensity(run),
    rerun: Math.max(Math.max(1, Math.ceil(rerun.framesPerBatch)) * perFrameOfAll, mostRoundedUp * perDensity(rerun)),
  };
  const asked = reruns.mode === 'off' ? (['run'] as const) : (['run', 'rerun'] as const);
  const tooMuch = asked.find((which) => needed[which] > cutsLimitBytes);
  if (tooMuch === undefined) return null;
  return (
    `integrity.${tooMuch}: over a stream of ${streamBytes} bytes, its cuts may need ${Math.ceil(needed[tooMuch])} bytes ` +
    `to be written down, more than ${cutsLimitBytes}; ask for fewer, or for a shorter stream`
  );
}

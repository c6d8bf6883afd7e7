/**
 * What a referee writes down of a completed run, in two documents: the record is what the model earned, reproducible bit for bit; the
 * cuts are how it was examined, which is chance. Costs are integer microNats (gpu-runner/PROTOCOL.md).
 */

export type BatchRecord = {
  readonly rows: number;
  /** Tokens of a row (T); it predicts T − 1 of them. */
  readonly length: number;
  /** Lane-first tokens that are charged ln V with this batch. */
  readonly firstTokens: number;
  /** What is charged: the scored rows' predicted positions, and the lane-first tokens. */
  readonly microNats: number;
  /** Raw bytes charged so far, this batch included. */
  readonly coveredBytes: number;
  /** What the referee's own order-k predictor pays for all predicted positions of the batch. */
  readonly baselineMicroNats: number;
  /** Rows whose costs were computed; `rows` unless policy lets a sample stand for them. */
  readonly scoredRows: number;
  /** Costs of the scored rows, in row order; only where rows are sampled. */
  readonly rowMicroNats?: readonly number[] | undefined;
};

/**
 * A run of whole rows with at least 1,024 predicted positions. Positions and costs are those of scored rows; `logits` is the SHA-256 of what
 * was read of all of them.
 */
export type GroupRecord = { readonly positions: number; readonly microNats: number; readonly logits: string };

/** `prism_record.v2` */
export type RunRecord = {
  readonly schema: 'prism_record.v2';
  readonly codeHash: string;
  readonly seed: number;
  /** By name. */
  readonly tokenizer: string;
  readonly vocab: number;
  readonly streamBytes: number;
  readonly streamTokens: number;
  readonly epsilon: '2^-12';
  readonly scoredRowFraction: number;
  readonly batches: readonly BatchRecord[];
  readonly groups: readonly GroupRecord[];
  /** Tokens charged ln V at the end without a frame. */
  readonly remainder: { readonly tokens: number; readonly bytes: number; readonly microNats: number };
  readonly totals: {
    readonly predictedTokens: number;
    readonly laneFirstTokens: number;
    readonly microNats: number;
    readonly coveredBytes: number;
    readonly uncoveredBytes: number;
  };
};

/** One decoy. Arrays have an entry a scored row. */
export type DecoyFrame = {
  /** Index of the batch that it came before. */
  readonly batch: number;
  /** Which rows were scored; only where rows are sampled. */
  readonly rows?: readonly number[] | undefined;
  /** c in 1 … T − 1: tokens 0 … c − 1 are the true ones, those from c on uniform random. */
  readonly cuts: readonly number[];
  /** Cost of the true token c under the decoy's logits at c − 1. */
  readonly blind: readonly number[];
  /** The same under the true frame's. */
  readonly claimed: readonly number[];
  /** The same under the referee's own predictor. */
  readonly baseline: readonly number[];
  /** Largest difference, decoy against true frame, of the costs of the true tokens 1 … c. */
  readonly largest: readonly number[];
};

/** `prism_cuts.v1` */
export type RunCuts = {
  readonly schema: 'prism_cuts.v1';
  /** SHA-256 of the cut key, which is revealed with the verdict. */
  readonly keyDigest: string;
  readonly cutsPerMegabyte: number;
  readonly framesPerBatch: number;
  readonly frames: readonly DecoyFrame[];
};

/** Positions that a batch predicts, scored or not. */
export function predictedIn({ rows, length }: Pick<BatchRecord, 'rows' | 'length'>): number {
  return rows * (length - 1);
}

/** Cost of a token that nobody predicted: ln V, rounded once to microNats. */
export function uniformMicroNats(vocab: number): number {
  return Math.round(Math.log(vocab) * 1e6);
}

/** The worst that p' = (1 − ε)·p + ε/V can cost a token, ε = 2⁻¹², in microNats (CONTRACT §4). */
export function worstMicroNats(vocab: number): number {
  return Math.round((Math.log(vocab) + 12 * Math.LN2) * 1e6);
}

/** The referee's own predictor only counts, and isn't mixed with the uniform: its costs are whatever 32 bits hold. */
export const mostBaselineMicroNats = 2 ** 32 - 1;

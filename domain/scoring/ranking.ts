/** Scores closer than this are equal: below it lies the noise of the last digits, and the earlier receipt decides. */
const quantaPerUnit = 1e9;

/** What the order of a board depends on (CONTRACT §4). */
export type Rankable = {
  readonly submissionId: string;
  readonly hotkey: string;
  readonly finalScore: number;
  /** ISO 8601 UTC with milliseconds. */
  readonly receivedAt: string;
};

/** `finalScore` as a whole number of 1e-9. Finite scores only. */
export function quantise(finalScore: number): number {
  return Math.round(finalScore * quantaPerUnit);
}

/** The score that a whole number of 1e-9 stands for. */
export function unquantise(quanta: number): number {
  return quanta / quantaPerUnit;
}

/** Negative when `left` ranks before `right`: higher quantised score, then earlier receipt, then id. A total order. */
export function compareRank(left: Rankable, right: Rankable): number {
  return (
    quantise(right.finalScore) - quantise(left.finalScore) ||
    compareText(left.receivedAt, right.receivedAt) ||
    compareText(left.submissionId, right.submissionId)
  );
}

/** The best row of every hotkey, in the order of the board. */
export function bestPerHotkey<Row extends Rankable>(rows: readonly Row[]): readonly Row[] {
  const seen = new Set<string>();
  return rows.toSorted(compareRank).filter(({ hotkey }) => !seen.has(hotkey) && seen.add(hotkey));
}

function compareText(left: string, right: string): number {
  if (left === right) return 0;
  return left < right ? -1 : 1;
}

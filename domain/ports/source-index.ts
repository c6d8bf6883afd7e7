/** What the index knows of a work that has been sketched. */
export type IndexedWork = {
  readonly submissionId: string;
  readonly hotkey: string;
  /** Log position of the receipt: of two works the lower one was received earlier. */
  readonly receivedPosition: number;
  readonly kind: 'full' | 'architecture_only' | 'training_for_arch';
  /** Digests over the canonical source of the roles. */
  readonly architectureFingerprint: string;
  readonly trainingFingerprint: string;
  /** Digest of what its untrained model answers; null where nobody knows. */
  readonly behaviour: string | null;
  readonly sketchVersion: string;
  /** Digest of the blob that holds its sets of shingles. */
  readonly shingles: string;
};

export type LookUp = {
  /** The index is a function of the log up to here, and so is the answer. */
  readonly asOfPosition: number;
  /** The asking work itself; null where its sketch hasn't been projected yet. */
  readonly own: (IndexedWork & { /** How many its sketch has. */ readonly keys: number }) | null;
  /**
   * Other works that share keys with it: of other hotkeys those received earlier, then those received later, then its own hotkey's that came before one of
   * the former; in each the most alike first. Behind them the earliest that behave alike.
   */
  readonly others: readonly IndexedWork[];
};

/**
 * Finds works by the keys of their sketches. The cost of a look-up depends on the number of keys and on `limit`, which is for each group of those that
 * share keys, not on how many works there are. Rejected works aren't in it.
 */
export type SourceIndex = { lookUp(submissionId: string, limit: number): LookUp };

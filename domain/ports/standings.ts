/** What a score is compared with before it is published. Final scores; null where there is none. */
export type Standings = {
  /** Best on the whole board of a device class. */
  readonly champion: number | null;
  /** Best of the same hotkey in the same epoch. */
  readonly ofHotkey: number | null;
  /** Log position up to which this is known. */
  readonly asOfPosition: number;
};

/** Reads the standings from a projection; it may lag, and the event that rests on them says as of when they were. */
export type ReadStandings = (of: {
  readonly deviceClass: 'cpu' | 'gpu';
  readonly epoch: number;
  readonly hotkey: string;
}) => Standings;

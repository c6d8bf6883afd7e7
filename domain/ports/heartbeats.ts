/** The newest sign of life of an attempt. Not an event: it is worth nothing once the next one is there. */
export type Heartbeat = {
  readonly submissionId: string;
  readonly run: string;
  readonly attempt: number;
  /** ISO 8601 UTC. */
  readonly at: string;
  /** What the attempt is at: `starting`, `running`, `collecting`. */
  readonly phase: string;
  /** Covered share of the stream, 0 … 1; null before the first batch. */
  readonly progress: number | null;
};

/** Keeps the newest heartbeat of each submission beside the log; losing them all loses nothing. */
export type Heartbeats = {
  report(beat: Heartbeat): void;
  newest(submissionId: string): Heartbeat | null;
};

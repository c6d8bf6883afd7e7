/**
 * Work that outlasts a step. A step starts it and goes on to what else is due; the event that it ends with wakes the
 * process manager again. At most one piece a submission. What is under way here is a saving, never a fact: after a restart the
 * log says again what is due.
 */
export type Aside = {
  /** Whether nothing more may be started for this submission now: it is at work already, or everything is taken. */
  isTaken(submissionId: string): boolean;
  start(submissionId: string, work: () => Promise<void>): void;
  /** How many submissions are at work, and so needn't be looked at. */
  count(): number;
  /** Resolves when nothing is under way any more. */
  settled(): Promise<void>;
};

/** `most`: pieces at once. `onFault` gets what a piece throws. */
export function workAside(most: number, onFault: (error: unknown) => void): Aside {
  const underWay = new Map<string, Promise<void>>();
  return {
    isTaken: (submissionId) => underWay.size >= most || underWay.has(submissionId),
    start(submissionId, work) {
      const piece = work()
        .catch(onFault)
        .finally(() => underWay.delete(submissionId));
      underWay.set(submissionId, piece);
    },
    count: () => underWay.size,
    async settled() {
      await Promise.all(underWay.values());
    },
  };
}

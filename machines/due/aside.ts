/**
 * Work that outlasts a step. A step starts it and goes on to what else is due; the event that it ends with wakes the
 * process manager again. At most one piece a submission. What is under way here is a saving, never a fact: after a restart the
 * log says again what is due.
 */
export type Aside = {
  /** Starts the work, unless this submission is at work already or everything is taken; whether it did. */
  start(submissionId: string, work: () => Promise<void>): boolean;
  /** How many submissions are at work or were turned away, and so keep others from being looked at. */
  count(): number;
  /** Resolves when nothing is under way any more. */
  settled(): Promise<void>;
};

/** `most`: pieces at once. `onFault` gets what a piece throws. */
export function workAside(most: number, onFault: (error: unknown) => void): Aside {
  const underWay = new Map<string, Promise<void>>();
  // Some of them may have ended otherwise meanwhile; that only has a few more looked at, until all is done.
  const turnedAway = new Set<string>();
  return {
    start(submissionId, work) {
      if (underWay.has(submissionId)) return false;
      if (underWay.size >= most) {
        turnedAway.add(submissionId);
        return false;
      }
      const piece = work()
        .catch(onFault)
        .finally(() => {
          underWay.delete(submissionId);
          if (underWay.size === 0) turnedAway.clear();
        });
      turnedAway.delete(submissionId);
      underWay.set(submissionId, piece);
      return true;
    },
    count: () => underWay.size + turnedAway.size,
    async settled() {
      await Promise.all(underWay.values());
    },
  };
}

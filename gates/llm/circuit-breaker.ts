/**
 * Keeps a provider that is down from being asked by every submission in turn. It opens when several submissions in a row got no answer, or
 * when the provider says itself when to come back. One submission alone never opens it: what is wrong may be the submission. When its time
 * is over it lets as many through again as it takes to open it, for twice as long.
 */
export type CircuitBreaker = {
  /** Until when nobody is asked, ISO 8601 UTC; null while it is closed. */
  openUntil(): string | null;
  answered(): void;
  /** No answer for this submission. `retryAt`: when the provider wants to be asked again, where it said so. */
  unanswered(submissionId: string, retryAt: string | null): void;
};

const submissionsToOpen = 3;
const firstOpenSeconds = 30;
const longestOpenSeconds = 600;

/** `onOpen` is told until when, whenever that changes. */
export function circuitBreaker(clock: () => Date, onOpen: (until: string) => void = () => {}): CircuitBreaker {
  let failing = new Set<string>();
  let openings = 0;
  let until: string | null = null;
  const extendTo = (instant: string) => {
    if (until !== null && instant <= until) return;
    until = instant;
    onOpen(until);
  };
  return {
    openUntil: () => (until !== null && until > clock().toISOString() ? until : null),
    answered() {
      failing = new Set();
      openings = 0;
    },
    unanswered(submissionId, retryAt) {
      if (retryAt !== null) extendTo(retryAt);
      failing.add(submissionId);
      if (failing.size < submissionsToOpen) return;
      const seconds = Math.min(longestOpenSeconds, firstOpenSeconds * 2 ** openings);
      extendTo(new Date(clock().getTime() + seconds * 1_000).toISOString());
      openings += 1;
      failing = new Set();
    },
  };
}

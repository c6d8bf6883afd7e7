/** Those who wait until the read models have folded up to a position (read your writes). */
export type PositionWaiters = {
  position(): number;
  waitFor(position: number, timeoutMs: number): Promise<boolean>;
  reached(position: number): void;
  /** Everybody still waiting is told no. */
  close(): void;
};

type Waiter = { readonly position: number; settle(reached: boolean): void };

export function positionWaiters(start: number): PositionWaiters {
  const waiters = new Set<Waiter>();
  let current = start;
  let isClosed = false;

  return {
    position: () => current,
    waitFor(position, timeoutMs) {
      if (position <= current) return Promise.resolve(true);
      if (isClosed || timeoutMs <= 0) return Promise.resolve(false);
      return new Promise((resolve) => {
        const timer = setTimeout(() => waiter.settle(false), timeoutMs);
        const waiter: Waiter = {
          position,
          settle(reached) {
            clearTimeout(timer);
            waiters.delete(waiter);
            resolve(reached);
          },
        };
        waiters.add(waiter);
      });
    },
    reached(position) {
      current = Math.max(current, position);
      for (const waiter of waiters) if (waiter.position <= current) waiter.settle(true);
    },
    close() {
      isClosed = true;
      for (const waiter of waiters) waiter.settle(false);
    },
  };
}

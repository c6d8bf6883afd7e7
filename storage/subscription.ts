import { setImmediate } from 'node:timers/promises';
import type { RecordedEvent } from '../domain/event.ts';
import type { EventLog, Subscription } from '../domain/ports/event-log.ts';
import { defaultPageSize } from './page.ts';

type OnPage = (page: readonly RecordedEvent[]) => Promise<void> | void;

/** The subscriptions open on one log. */
export type Subscriptions = {
  open(afterPosition: number, onPage: OnPage): Subscription;
  /** There may be more to read. Calling it too often is harmless. */
  wakeAll(): void;
  closeAll(): Promise<void>;
};

type Follower = { closed: boolean; changed: boolean; wake: () => void };

/**
 * Catch-up and live are one loop: read a page after the last position, hand it over, and when there is none sleep
 * until woken. A wake-up between the read and the sleep sets `changed`, so none is lost. No page is read before the
 * handler is through with the one before.
 *
 * `watch` starts looking for what other processes append and returns how to stop; it runs only while somebody listens,
 * and starts before the first read, so that nothing falls between.
 */
export function subscriptionsTo(readAll: EventLog['readAll'], watch: () => () => void = () => () => {}): Subscriptions {
  const followers = new Map<Follower, Subscription>();
  let stopWatching = () => {};

  function leave(follower: Follower): void {
    followers.delete(follower);
    if (followers.size === 0) stopWatching();
  }

  return {
    open(afterPosition, onPage) {
      if (followers.size === 0) stopWatching = watch();
      const follower = { closed: false, changed: true, wake: () => {} };
      const ended = deliver(readAll, afterPosition, onPage, follower).finally(() => leave(follower));
      const subscription = { ended, close: () => stop(follower, ended) };
      followers.set(follower, subscription);
      return subscription;
    },
    wakeAll() {
      for (const follower of followers.keys()) {
        follower.changed = true;
        follower.wake();
      }
    },
    async closeAll() {
      await Promise.all([...followers.values()].map((subscription) => subscription.close()));
    },
  };
}

/** Waits for the handler's page in hand. Awaited inside the handler it would wait for itself: don't await it there. */
async function stop(follower: Follower, ended: Promise<void>): Promise<void> {
  follower.closed = true;
  follower.wake();
  await ended.catch(() => {});
}

async function deliver(
  readAll: EventLog['readAll'],
  afterPosition: number,
  onPage: OnPage,
  follower: Follower,
): Promise<void> {
  let position = afterPosition;
  while (!follower.closed) {
    follower.changed = false;
    const page = await readAll(position, defaultPageSize);
    if (follower.closed) return;
    const last = page.at(-1);
    if (last !== undefined) {
      position = last.position;
      await onPage(page);
      // Reading is synchronous in some adapters: a long catch-up must let timers and sockets have their turn.
      await setImmediate();
    } else if (!follower.changed) {
      await new Promise<void>((resolve) => {
        follower.wake = resolve;
      });
    }
  }
}

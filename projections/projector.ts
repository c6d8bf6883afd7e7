import { setTimeout as delay, setImmediate } from 'node:timers/promises';
import type { RecordedEvent } from '../domain/event.ts';
import type { EventLog, Subscription } from '../domain/ports/event-log.ts';
import { applyPage, parsedOnce, prepareTarget, type Target } from './apply-page.ts';
import { patiently } from './patiently.ts';
import { positionWaiters } from './position-waiters.ts';
import type { PageEvent, Projection } from './projection.ts';
import type { ProjectionDatabase } from './projection-database.ts';
import { hasNewSkip, readSkips, type Skips } from './skips.ts';
import { projectionVersions } from './versions.ts';

/**
 * The loop that keeps the live read models up to date: read which events operators have skipped, subscribe after the lowest stored
 * position, apply each chunk to all of them in one transaction together with their positions, start again from what is stored when
 * anything goes wrong, or when an operator skips another event.
 *
 * Which version is live is asked in every transaction, so a rebuild in another process or thread may swap at any moment; a
 * projection that has no live version yet is passed over until it has.
 *
 * Does not build versions (`rebuild.ts`), skip poison by itself, or cause anything outside its own file.
 */
export type Projector = {
  /** Every projection that isn't poisoned has folded at least up to here. */
  position(): number;
  /** True once `position` is folded; false after `timeoutMs`, or when the projector is closed before. */
  waitFor(position: number, timeoutMs: number): Promise<boolean>;
  /** Stops after the chunk in hand. */
  close(): Promise<void>;
};

export type ProjectorOptions = {
  readonly db: ProjectionDatabase;
  readonly log: Pick<EventLog, 'subscribe' | 'readStream' | 'head'>;
  readonly projections: readonly Projection[];
  /** The log or the disk failed; the projector tries again by itself. */
  readonly onFault: (error: unknown) => void;
  readonly retryDelayMs?: number;
  /** How long another process's write may stand in the way before that is a fault. */
  readonly lockPatienceMs?: number;
};

/** Small enough that HTTP on the same event loop doesn't wait for more than a few milliseconds. */
const chunkSize = 128;
const defaultRetryDelayMs = 500;

/**
 * A version lies behind what was delivered: a swap put an older one in place, or an operator's skip lets it go on. The loop starts
 * again from there.
 */
class RewoundError extends Error {
  override readonly name = 'RewoundError';
}

export function startProjector(options: ProjectorOptions): Projector {
  const { log, projections, onFault, retryDelayMs = defaultRetryDelayMs } = options;
  const live = liveTargets(options);
  const waiters = positionWaiters(live.lowestPosition() ?? 0);
  const closing = new AbortController();
  let subscription: Subscription | null = null;

  async function follow(): Promise<void> {
    const skips = await readSkips(log);
    let delivered = await live.begin(skips, await log.head());
    if (closing.signal.aborted) return;
    waiters.reached(delivered);
    subscription = log.subscribe(delivered, async (page) => {
      for (let start = 0; start < page.length && !closing.signal.aborted; start += chunkSize) {
        if (start > 0) await setImmediate();
        const chunk = page.slice(start, start + chunkSize);
        delivered = await live.apply(chunk, delivered, skips);
        waiters.reached(delivered);
        if (hasNewSkip(chunk, skips, projections)) throw new RewoundError('an operator skipped an event');
      }
    });
    await subscription.ended;
  }

  async function run(): Promise<void> {
    while (!closing.signal.aborted) {
      try {
        await follow();
      } catch (error) {
        if (error instanceof RewoundError) continue;
        onFault(error);
      }
      await delay(retryDelayMs, undefined, { signal: closing.signal, ref: false }).catch(() => {});
    }
  }

  const running = run();
  return {
    position: waiters.position,
    waitFor: waiters.waitFor,
    async close() {
      closing.abort();
      waiters.close();
      await subscription?.close();
      await running;
    },
  };
}

function liveTargets({ db, projections, lockPatienceMs }: ProjectorOptions) {
  const versions = projectionVersions(db);
  const targets = new Map<string, Target>();

  function targetOf(projection: Projection, version: number): Target {
    const known = targets.get(projection.name);
    if (known?.version === version) return known;
    const target = prepareTarget(db, projection, version);
    targets.set(projection.name, target);
    return target;
  }

  function applyTo(projection: Projection, page: readonly PageEvent[], delivered: number, skips: Skips): void {
    const row = versions.live(projection);
    if (row === null) return;
    if (row.poison === null && row.position < delivered) throw new RewoundError(projection.name);
    applyPage({ db, versions, skips }, targetOf(projection, row.version), row, page);
  }

  /** Versions that stopped at an event which has been skipped since go on from there. */
  function letGoOn(skips: Skips): void {
    for (const row of liveRows()) {
      if (row.poison !== null && skips.has(row.name, row.poison.eventId)) versions.clearPoison(row.name, row.version);
    }
  }

  function liveRows() {
    return projections.flatMap((projection) => versions.live(projection) ?? []);
  }

  function lowestPosition(): number | null {
    const rows = liveRows();
    const running = rows.filter(({ poison }) => poison === null);
    // Where all are poisoned, follow on from the furthest, so that a mended version is noticed.
    if (running.length === 0) return rows.length === 0 ? null : Math.max(...rows.map(({ position }) => position));
    return Math.min(...running.map(({ position }) => position));
  }

  return {
    lowestPosition,
    /** The position to subscribe after. What is still being built is folded up to the head by whoever builds it. */
    async begin(skips: Skips, head: number): Promise<number> {
      const letGoOnAndLook = () => {
        letGoOn(skips);
        return lowestPosition() ?? head;
      };
      return patiently(db, letGoOnAndLook, lockPatienceMs);
    },
    /** Applies a chunk that follows on `delivered`, and returns how far it reaches. */
    async apply(chunk: readonly RecordedEvent[], delivered: number, skips: Skips): Promise<number> {
      const page = parsedOnce(chunk);
      const applyToAll = () => {
        for (const projection of projections) applyTo(projection, page, delivered, skips);
      };
      await patiently(db, applyToAll, lockPatienceMs);
      return chunk.at(-1)?.position ?? delivered;
    },
  };
}

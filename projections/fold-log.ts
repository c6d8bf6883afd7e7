import { setImmediate } from 'node:timers/promises';
import type { EventLog } from '../domain/ports/event-log.ts';
import { applyPage, type Folding, parsedOnce, type Target } from './apply-page.ts';
import { patiently } from './patiently.ts';
import type { PageEvent } from './projection.ts';
import { hasNewSkip } from './skips.ts';
import type { Poison, VersionRow, Versions } from './versions.ts';

/** How far a fold has come: position of the last event read, and how many were read for it. */
export type FoldProgress = { readonly position: number; readonly events: number };
export const atTheBeginning: FoldProgress = { position: 0, events: 0 };

export type FoldOptions = {
  readonly log: Pick<EventLog, 'readAll'>;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: FoldProgress) => void) | undefined;
  /** A version that isn't live has stopped at an event. The others go on, unless this throws. */
  readonly onPoison: (name: string, poison: Poison) => void;
};

/** Somebody took the unfinished tables for leftovers and dropped them. The live ones are untouched. */
export class RebuildSupersededError extends Error {
  override readonly name = 'RebuildSupersededError';
}

/** An operator has just skipped an event that was perhaps folded already: what is built has to be built again. */
export class NewSkipError extends Error {
  override readonly name = 'NewSkipError';
}

/** A version to fold into, up to a position where one is given. */
export type BoundedTarget = Target & { readonly upTo?: number };

const pageSize = 1_000;

/** Folds what the log holds behind `from` into all targets, a page a transaction, until there is no more or all are where they should be. */
export async function foldLog(
  options: FoldOptions,
  folding: Folding,
  targets: readonly BoundedTarget[],
  from: FoldProgress,
): Promise<FoldProgress> {
  const end = Math.max(0, ...targets.map(({ upTo = Number.POSITIVE_INFINITY }) => upTo));
  const projections = targets.map(({ projection }) => projection);
  let progress = from;
  while (progress.position < end) {
    options.signal?.throwIfAborted();
    const page = await options.log.readAll(progress.position, pageSize);
    const last = page.at(-1);
    if (last === undefined) break;
    if (hasNewSkip(page, folding.skips, projections)) throw new NewSkipError('an operator skipped an event meanwhile');
    const parsed = parsedOnce(page);
    await patiently(folding.db, () => {
      for (const target of targets) applyTo(options, folding, target, parsed);
    });
    progress = { position: last.position, events: progress.events + page.length };
    options.onProgress?.(progress);
    // Reading is synchronous in some adapters: timers, sockets and the wish to stop must have their turn.
    await setImmediate();
  }
  return progress;
}

function applyTo(options: FoldOptions, folding: Folding, target: BoundedTarget, page: readonly PageEvent[]): void {
  const { name } = target.projection;
  const { versions } = folding;
  const row = expectUnfinished(versions, name, target.version);
  applyPage(folding, target, row, upTo(page, target.upTo));
  const poison = versions.one(name, target.version)?.poison ?? null;
  if (poison !== null && !row.isLive) options.onPoison(name, poison);
}

function upTo(page: readonly PageEvent[], position = Number.POSITIVE_INFINITY): readonly PageEvent[] {
  const isWithin = ({ recorded }: PageEvent) => recorded.position <= position;
  return page.every(isWithin) ? page : page.filter(isWithin);
}

/** A version that somebody is folding into. Throws `RebuildSupersededError` where it is gone. */
export function expectUnfinished(versions: Versions, name: string, version: number): VersionRow {
  const row = versions.one(name, version);
  if (row !== null) return row;
  throw new RebuildSupersededError(`${name} version ${version} was dropped while it was built`);
}

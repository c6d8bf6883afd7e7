import type { DueWork } from '../domain/ports/due-work.ts';
import { submissionStream } from '../domain/submission/events.ts';
import { expireLeases, grantLeases, type LeaseDeps } from './due/leases.ts';
import { dueOf, type Performer, type SubmissionHandler } from './due/performer.ts';
import { type DueName, dueIn } from './submission-machine.ts';

/**
 * Theory of operation. A step asks the projections where something may be due, folds each of those streams, asks the
 * machine what is due in the state reached, and performs it; the outcome is recorded by commands. Nothing is kept
 * between steps, so that a restart, a second instance and the happy path are one path. A step is woken by `wake` (the
 * log moved) and by a period (deadlines), and takes no hint about what changed.
 *
 * Does not: decide (the aggregate does), remember what it did (the log does), hold timers for deadlines (they are stored).
 */
export type ProcessManager = {
  /** Something may be due. */
  wake(): void;
  /** One look at everything that is due; resolves to whether anything was found. Never runs twice at once. */
  step(): Promise<boolean>;
  /** Ends after the step in hand. */
  close(): Promise<void>;
};

export type ProcessManagerDeps = LeaseDeps & {
  readonly submissions: SubmissionHandler;
  readonly dueWork: DueWork;
  readonly performers: Record<DueName, Performer>;
  /** Submissions that a performer has set aside and is at work on; they needn't be looked at. */
  readonly setAside: () => number;
  /** Resolves once the projections have seen a position, so that the next look isn't older than the last deed. */
  readonly projected: (position: number) => Promise<void>;
  readonly periodMs: number;
};

const lookAhead = 32;

export function startProcessManager(deps: ProcessManagerDeps): ProcessManager {
  let inHand: Promise<unknown> = Promise.resolve();
  let isWoken = false;
  let isClosed = false;

  // One after the other: a step that began before something became due mustn't stand for the one that was asked for.
  const step = (): Promise<boolean> => {
    const next = inHand.then(() => performAll(deps));
    inHand = next.catch(() => {});
    return next;
  };
  const run = async (): Promise<void> => {
    while (isWoken && !isClosed) {
      isWoken = false;
      const found = await step().catch((error: unknown) => {
        deps.onFault(error);
        return false;
      });
      isWoken ||= found;
    }
  };
  let running: Promise<void> | null = null;
  const wake = (): void => {
    isWoken = true;
    if (isClosed) return;
    running ??= run().finally(() => {
      running = null;
      if (isWoken) wake();
    });
  };
  const period = setInterval(wake, deps.periodMs);

  return {
    wake,
    step,
    async close() {
      isClosed = true;
      clearInterval(period);
      await running;
      await inHand;
    },
  };
}

async function performAll(deps: ProcessManagerDeps): Promise<boolean> {
  const now = deps.clock().toISOString();
  const due = deps.dueWork.submissions(now, lookAhead + deps.setAside());
  const performed = await Promise.all(due.map((submissionId) => performDue(deps, submissionId)));
  const expired = await expireLeases(deps);
  const granted = await grantLeases(deps);
  const position = Math.max(0, expired ?? 0, granted ?? 0);
  if (position > 0) await deps.projected(position);
  return performed.some(Boolean) || position > 0;
}

/** Does what is due in one submission; resolves to whether its stream moved. A fault there leaves the others alone. */
async function performDue(deps: ProcessManagerDeps, submissionId: string): Promise<boolean> {
  const stream = submissionStream(submissionId);
  try {
    const before = await deps.submissions.load(stream);
    const due = dueOf(before);
    const name = due === null ? null : dueIn(due.state);
    if (due === null || name === null) return false;
    await deps.performers[name](due);
    const after = await deps.submissions.load(stream);
    if (after.lastEvent === null || after.revision === before.revision) return false;
    await deps.projected(after.lastEvent.position);
    return true;
  } catch (error) {
    deps.onFault(error);
    return false;
  }
}

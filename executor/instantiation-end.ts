/**
 * How the process that built a model once ended, from what the engine and the kernel saw and from what it said: a pure truth table, read
 * from the top. Until it has said that it is ready, no submitted code has run, and whatever happens is ours.
 */
import { type Instantiated, InstantiationUnavailableError } from '../domain/ports/instantiator.ts';
import { parseReport } from './instantiation-lines.ts';
import type { Exit } from './outcome.ts';

/** Why we killed it; the first reason counts. */
export type InstantiationKill = 'notReady' | 'timeout' | 'output';

export type InstantiationFacts = {
  readonly kill: InstantiationKill | null;
  readonly isReady: boolean;
  readonly exit: Exit;
  /** The first line after `ready`. */
  readonly report: string | null;
  readonly memory: MemorySeen;
  /** Its last words, for a log of ours. */
  readonly tail: string;
};

/** Exit code of a process over its CPU time (SIGXCPU). */
const overCpuTime = 152;
const killed = 137;

/** Whoever was killed at its own limit had come so near to it. */
const nearItsLimit = 15 / 16;

/** What the kernel counted from its start to its end; null where it can't be asked. */
export type MemorySeen = {
  readonly limitBytes: number;
  readonly peakBytes: number | null;
  /** Processes that were killed for want of memory meanwhile, anybody's on that machine. */
  readonly hostOomKills: number | null;
};

/**
 * Throws `InstantiationUnavailableError` where it is our fault. Exit code 255, which the engine invents for containers that it finds dead when
 * it starts, is like any other: an engine that breaks fails the look itself, and an end without a word gets a second one.
 */
export function instantiatedBy(facts: InstantiationFacts): Instantiated {
  const { kill, isReady, exit, report } = facts;
  if (!isReady) throw unavailable(`the container ended before it was ready (${described(exit)})`, facts);
  if (kill === 'output') return { kind: 'flooded', message: 'It printed more than policy allows.' };
  if (kill === 'timeout') return { kind: 'timeUp', message: 'It was still running long after its time was over.' };
  if (exit.kind !== 'exited') throw unavailable('the container was removed by somebody else', facts);
  const read = report === null ? null : parseReport(report);
  if (read !== null) return { kind: 'reported', report: read };
  if (wasHostsFault(exit, facts.memory)) throw unavailable('the host ran out of memory', facts);
  if (exit.oomKilled && exit.exitCode !== 0)
    return { kind: 'outOfMemory', message: 'It was killed for using more memory than its limit.' };
  if (exit.exitCode === overCpuTime)
    return { kind: 'timeUp', message: 'It was ended for using more CPU time than its limit.' };
  const how = report === null ? 'without a report' : 'with a report that nobody can read';
  return { kind: 'died', message: `Its process ended ${how} (${described(exit)}).` };
}

/** Killed for want of memory, and far from its own limit: others had taken what it was promised. */
function wasHostsFault(
  { exitCode, oomKilled }: Extract<Exit, { kind: 'exited' }>,
  { limitBytes, peakBytes, hostOomKills }: MemorySeen,
): boolean {
  const wasOutOfMemory = (oomKilled && exitCode !== 0) || (exitCode === killed && (hostOomKills ?? 0) > 0);
  return wasOutOfMemory && peakBytes !== null && peakBytes < nearItsLimit * limitBytes;
}

function described(exit: Exit): string {
  return exit.kind === 'exited' ? `exit code ${exit.exitCode}` : exit.kind;
}

function unavailable(message: string, { tail }: InstantiationFacts): InstantiationUnavailableError {
  return new InstantiationUnavailableError(tail === '' ? message : `${message}; its last words: ${tail}`);
}

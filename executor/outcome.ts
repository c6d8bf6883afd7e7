/**
 * Whose fault an attempt's end was: a pure truth table over facts, read from the top; the first row that fits decides.
 *
 * Does not: trust an exit code alone, nor anything the contestant printed. Its side is judged from what the engine and
 * the kernel saw, and from the referee's manifest; whatever can't be told from our own failure is ours.
 */
import type { FailureVerdict } from '../domain/submission/events.ts';

/** How a container ended, as the engine tells it. */
export type Exit =
  | { readonly kind: 'exited'; readonly exitCode: number; readonly oomKilled: boolean }
  | { readonly kind: 'neverStarted' }
  /** 404: somebody removed it, and what it did is unknown. */
  | { readonly kind: 'vanished' };

/**
 * Why we killed, written down before the kill. Only the first intent of an attempt counts. `refereeHung`: it did not
 * end in time after its contestant; `contestantOutlived`: the other way round. `frameCpu`, `frameWall`: one frame took
 * more CPU time, or more of the wall clock, than policy allows; `starved`: it or the whole attempt reached a limit of
 * wall-clock time because others had the contestant's core.
 */
export const killIntents = [
  'output',
  'timeout',
  'frameCpu',
  'frameWall',
  'starved',
  'leaseEnded',
  'refereeOutput',
  'refereeHung',
  'contestantOutlived',
] as const;
export type KillIntent = (typeof killIntents)[number];

/** What the referee's manifest says, after its check (run-manifest.ts). */
export type ManifestReading =
  | { readonly kind: 'none' }
  | { readonly kind: 'invalid'; readonly problem: string }
  | { readonly kind: 'completed' }
  | {
      readonly kind: 'failed';
      readonly verdict: FailureVerdict;
      readonly where: string | null;
      readonly message: string | null;
    }
  | { readonly kind: 'lost'; readonly phase: string; readonly message: string }
  | { readonly kind: 'fault'; readonly message: string };

export type Facts = {
  readonly intent: KillIntent | null;
  readonly referee: Exit;
  readonly contestant: Exit;
  readonly manifest: ManifestReading;
  /** The referee said that it was connected; null where a restart of ours may have missed the line. */
  readonly connected: boolean | null;
  /** Kernel counters of the contestant's cgroup; null where they can't be read (an engine elsewhere). */
  readonly oomKills: number | null;
  readonly pidsRefusals: number | null;
  /** Others kept the contestant from running for more than half of its life; null where nobody can tell. */
  readonly wasStarved: boolean | null;
  /** The connection to the engine broke during the attempt. */
  readonly engineInterrupted: boolean;
  /** Attempts of this run that ended as `refereeLost` before this one. */
  readonly previousRefereeDeaths: number;
  /** The slot gives the contestant all the memory that policy promises. */
  readonly hasPolicyMemory: boolean;
};

export type Verdict =
  | { readonly kind: 'completed' }
  | {
      readonly kind: 'submissionFault' | 'limitExceeded';
      readonly verdict: FailureVerdict;
      readonly where: string | null;
      readonly message: string;
    }
  | { readonly kind: 'infrastructureFault'; readonly reason: string; readonly message: string };

/** The fault that counts against the contestant when it happens again. */
export const refereeLost = 'refereeLost';

/** Exit code that the engine invents for containers it finds dead when it starts. */
const foundDead = 255;
const signalBase = 128;
const killed = 137;

export function classify(facts: Facts): Verdict {
  return ourKill(facts) ?? ourFailure(facts) ?? fromManifest(facts);
}

const tooManyProcesses = exceeded('pids', 'It wanted more processes or threads than its limit.');

/** Our own recorded intent comes first: what we killed has no exit code worth reading. */
function ourKill(facts: Facts): Verdict | null {
  switch (facts.intent) {
    case null:
    case 'contestantOutlived': // The referee had ended before: its manifest stands.
      return null;
    case 'output':
      return exceeded('output', 'It printed more than policy allows.');
    case 'timeout':
      return overTime(facts, exceeded('timeout', 'It was still running when the outer time limit was over.'));
    case 'frameCpu':
      return overTime(facts, exceeded('timeout', 'It used more CPU time for one frame than policy allows.'));
    case 'frameWall':
      return overTime(facts, exceeded('timeout', 'It let a frame wait for longer than policy allows.'));
    case 'starved':
      return overTime(facts, starved);
    case 'leaseEnded':
      return ours('leaseEnded', 'The lease ended before the attempt had its time.');
    case 'refereeOutput':
      return ours('refereeOutput', 'The referee printed more than it ever should.');
    case 'refereeHung':
      return refereeHung(facts);
  }
}

/** Mostly because nobody ever came. */
function refereeHung({ contestant, connected }: Facts): Verdict {
  if (contestant.kind === 'vanished') return ours('containerVanished', 'The contestant was removed by somebody else.');
  if (connected !== false) return ours('refereeHung', 'The referee did not end after its contestant had.');
  return ours(
    'contestantNeverConnected',
    `The contestant ended (${describe(contestant)}) before it reached the referee.`,
  );
}

/**
 * A run that was faster than our kill counts: the clock is no part of the score. A referee that did not end either is
 * to blame itself.
 */
function overTime({ manifest, referee, pidsRefusals }: Facts, verdict: Verdict): Verdict | null {
  if (manifest.kind === 'completed') return null;
  if (!exitedWell(referee))
    return ours('refereeHung', 'The time was over, and the referee did not end with its contestant.');
  if (wasRefusedProcesses(pidsRefusals)) return tooManyProcesses; // A fork bomb that never gives up.
  return verdict;
}

const starved = ours('hostOverloaded', 'Other work had the core of the contestant for more than half of the time.');

/** Rows that say nothing about the contestant, or only on the second time. */
function ourFailure(facts: Facts): Verdict | null {
  const { referee } = facts;
  if (referee.kind === 'vanished') return ours('containerVanished', 'The referee was removed by somebody else.');
  if (referee.kind === 'neverStarted') return ours('refereeNeverStarted', 'The engine did not start the referee.');
  if (referee.exitCode === 0) return null;
  if (referee.exitCode === foundDead) return ours('engineRestarted', 'The engine restarted during the attempt.');
  return refereeDied(facts, referee);
}

/** Once a dead referee is our fault; a contestant before which it dies again had a hand in it. */
function refereeDied({ contestant, previousRefereeDeaths }: Facts, referee: Exit): Verdict {
  if (contestant.kind === 'neverStarted')
    return ours('refereeFailed', `The referee ended before the contestant started (${describe(referee)}).`);
  if (previousRefereeDeaths === 0) return ours(refereeLost, `The referee died (${describe(referee)}).`);
  return theirs('contract', null, `The referee died again while it served this contestant (${describe(referee)}).`);
}

function fromManifest(facts: Facts): Verdict {
  const { manifest } = facts;
  switch (manifest.kind) {
    case 'none':
      return ours('manifestMissing', 'The referee ended well and left no manifest.');
    case 'invalid':
      return ours('manifestInvalid', manifest.problem);
    case 'fault':
      return ours('refereeFault', manifest.message);
    case 'completed':
      return { kind: 'completed' };
    case 'failed':
      return failed(facts, manifest);
    case 'lost':
      return lost(facts);
  }
}

/** An exception may be the echo of a limit; every other verdict of the referee stands as it is. */
function failed(facts: Facts, manifest: Extract<ManifestReading, { kind: 'failed' }>): Verdict {
  const { verdict, where } = manifest;
  const message = manifest.message ?? `The referee's verdict is ${verdict}.`;
  if (verdict === 'exception')
    return limitReached(facts, exitedBadly(facts.contestant)) ?? theirs(verdict, where, message);
  if (verdict === 'timeout' && wasRefusedProcesses(facts.pidsRefusals)) return tooManyProcesses;
  if (verdict === 'timeout' && facts.wasStarved === true) return starved;
  if (verdict === 'timeout' || verdict === 'parameterCap') return { ...exceeded(verdict, message), where };
  return theirs(verdict, where, message);
}

/** The channel closed without a word: the engine and the kernel know why. */
function lost(facts: Facts): Verdict {
  const { contestant } = facts;
  if (contestant.kind === 'vanished') return ours('containerVanished', 'The contestant was removed by somebody else.');
  if (contestant.kind === 'neverStarted')
    return ours('contestantNeverStarted', 'The engine did not start the contestant.');
  if (contestant.exitCode === foundDead && facts.engineInterrupted)
    return ours('engineRestarted', 'The engine restarted during the attempt.');
  const limit = limitReached(facts, true);
  if (limit !== null) return limit;
  if (facts.intent === 'contestantOutlived')
    return theirs('contract', null, 'It closed the channel and went on running.');
  if (contestant.exitCode === 0) return theirs('contract', null, 'Its process ended without finishing the run.');
  return theirs('exception', null, describeDeath(contestant.exitCode));
}

/**
 * `oomKilled` is also true where only a child died and all went well: it counts only with a bad end. Memory before
 * processes: a kill explains more than a refused fork.
 */
function limitReached(
  { contestant, oomKills, pidsRefusals, hasPolicyMemory }: Facts,
  endedBadly: boolean,
): Verdict | null {
  if (!endedBadly) return null;
  const outOfMemory = (contestant.kind === 'exited' && contestant.oomKilled) || (oomKills ?? 0) > 0;
  if (outOfMemory && !hasPolicyMemory)
    return ours('slotMemory', 'It ran out of memory in a slot that has less than policy promises.');
  if (outOfMemory) return exceeded('memory', 'It was killed for using more memory than its limit.');
  return wasRefusedProcesses(pidsRefusals) ? tooManyProcesses : null;
}

function wasRefusedProcesses(refusals: number | null): boolean {
  return (refusals ?? 0) > 0;
}

function exitedBadly(exit: Exit): boolean {
  return exit.kind === 'exited' && exit.exitCode !== 0;
}

function exitedWell(exit: Exit): boolean {
  return exit.kind === 'exited' && exit.exitCode === 0;
}

function describeDeath(exitCode: number): string {
  if (exitCode === killed) return 'Its process was killed by a signal that only its own code can have sent.';
  if (exitCode > signalBase && exitCode < foundDead) return `Its process was ended by signal ${exitCode - signalBase}.`;
  return `Its process ended with exit code ${exitCode}.`;
}

function describe(exit: Exit): string {
  return exit.kind === 'exited' ? `exit code ${exit.exitCode}${exit.oomKilled ? ', out of memory' : ''}` : exit.kind;
}

function ours(reason: string, message: string): Verdict {
  return { kind: 'infrastructureFault', reason, message };
}

function theirs(verdict: FailureVerdict, where: string | null, message: string): Verdict {
  return { kind: 'submissionFault', verdict, where, message };
}

function exceeded(verdict: FailureVerdict, message: string) {
  return { kind: 'limitExceeded' as const, verdict, where: null, message };
}

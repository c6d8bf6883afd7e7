import type { IndexedWork } from '../../domain/ports/source-index.ts';
import type { BehavingAlike, Finding } from '../../domain/submission/events.ts';
import { type ComparedWork, leastInBoth } from './likeness.ts';

/**
 * Works of others whose untrained model answers the same as the asking one's, the earliest first: one architecture, however it is written. A hint alone,
 * since the digest comes from a process that submitted code ran in. Whoever trains a known architecture doesn't claim it, an architecture that is a shipped
 * example's is nobody's, and what the asking hotkey had handed in before isn't taken from others.
 */
export function behavingAlike(asking: ComparedWork, others: readonly ComparedWork[]): readonly BehavingAlike[] {
  const isExample = asking.sets.architecture.values.length < leastInBoth;
  if (asking.behaviour === null || isExample || !claimsArchitecture(asking)) return [];
  const same = others.filter((other) => other.behaviour === asking.behaviour && claimsArchitecture(other));
  const firstOwn = Math.min(...same.filter(({ hotkey }) => hotkey === asking.hotkey).map(positionOf));
  return same
    .filter(({ hotkey, receivedPosition }) => hotkey !== asking.hotkey && receivedPosition < firstOwn)
    .toSorted((left, right) => positionOf(left) - positionOf(right))
    .map(({ submissionId, receivedPosition }) => {
      return { submissionId, received: receivedPosition < asking.receivedPosition ? 'earlier' : 'later' };
    });
}

/** Of the earliest work that was received before; none where there is no such work. */
export function behaviourFindings(alike: readonly BehavingAlike[]): readonly Finding[] {
  const first = alike.find(({ received }) => received === 'earlier');
  if (first === undefined) return [];
  const explanation = `Untrained, its model answers the same as that of submission ${first.submissionId}, which was received earlier. A hint: nothing follows from it.`;
  const place = { path: null, line: null, column: null, node: null, excerptHash: null };
  return [{ rule: 'prism:duplicate-behaviour', ...place, explanation }];
}

function claimsArchitecture({ kind }: IndexedWork): boolean {
  return kind !== 'training_for_arch';
}

function positionOf({ receivedPosition }: IndexedWork): number {
  return receivedPosition;
}

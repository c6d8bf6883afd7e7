import type { Finding, Likeness } from '../../domain/submission/events.ts';
import type { Examples } from './examples.ts';
import { type Alike, alike, type ComparedWork, claimed } from './likeness.ts';

export type Thresholds = { readonly copyAt: number; readonly candidateAt: number };

export type Opinion = {
  readonly verdict: 'passed' | 'failed' | 'held';
  readonly findings: readonly Finding[];
  /** Why an operator is asked; null unless the verdict is `held`. */
  readonly doubt: string | null;
  readonly likenesses: readonly Likeness[];
  readonly copies: readonly Likeness[];
};

/** As many as are worth reporting (CONTRACT §2). */
const mostReported = 2;

/**
 * What a work's likenesses come to. The earlier receipt is the original, whichever is judged first; works of the same hotkey are nobody's copies, and
 * what a hotkey had handed in before another did isn't copied from there. Of the works in `released` an operator has said that the asking one is no copy.
 */
export function judgeLikeness(
  asking: ComparedWork,
  others: readonly ComparedWork[],
  examples: Examples,
  { copyAt, candidateAt }: Thresholds,
  released: ReadonlySet<string> = new Set(),
): Opinion {
  const foreign = others.filter(({ hotkey }) => hotkey !== asking.hotkey);
  const own = others.filter(({ hotkey }) => hotkey === asking.hotkey);
  const judged = foreign
    .filter(({ submissionId }) => !released.has(submissionId))
    .flatMap((other) => likenessOf(asking, other, examples) ?? []);
  const hadBefore = own
    .filter((other) => isCopy(likenessOf(asking, other, examples), copyAt))
    .map(({ receivedPosition }) => receivedPosition);
  const counting = judged.filter(
    ({ position, received }) => received === 'later' || !hadBefore.some((had) => had < position),
  );
  const earlier = counting.filter(({ received }) => received === 'earlier').toSorted(closestFirst);
  const copied = earlier.find((likeness) => isCopy(likeness, copyAt));
  const containing = earlier.find(({ contained }) => contained >= copyAt);
  const verdict = copied !== undefined ? 'failed' : containing !== undefined ? 'held' : 'passed';
  const later = counting.filter(({ received }) => received === 'later').toSorted(closestFirst);
  return {
    verdict,
    findings: copied === undefined ? [] : [copyFinding(copied)],
    doubt: verdict === 'held' && containing !== undefined ? containmentOf(containing) : null,
    likenesses: reported(asking, foreign, examples, candidateAt),
    copies: verdict === 'failed' ? [] : later.filter((likeness) => isCopy(likeness, copyAt)).map(withoutPosition),
  };
}

type Judged = Likeness & { readonly position: number };

function likenessOf(asking: ComparedWork, other: ComparedWork, examples: Examples): Judged | null {
  const isEarlier = other.receivedPosition < asking.receivedPosition;
  const [first, second] = isEarlier ? [other, asking] : [asking, other];
  const compared = claimed(first, second);
  return compared === null ? null : named(other, isEarlier, alike(first, second, compared, examples));
}

function named({ submissionId, receivedPosition }: ComparedWork, isEarlier: boolean, found: Alike): Judged {
  return { submissionId, received: isEarlier ? 'earlier' : 'later', ...found, position: receivedPosition };
}

function isCopy(likeness: Alike | null, copyAt: number): boolean {
  return likeness !== null && (likeness.exact || likeness.similarity >= copyAt);
}

/** The most alike in the whole or in either role, whoever claims it: evidence for whoever attributes. */
function reported(
  asking: ComparedWork,
  others: readonly ComparedWork[],
  examples: Examples,
  candidateAt: number,
): readonly Likeness[] {
  const closest = others.flatMap((other) => {
    const isEarlier = other.receivedPosition < asking.receivedPosition;
    const [first, second] = isEarlier ? [other, asking] : [asking, other];
    const inParts = (['whole', 'architecture', 'training'] as const).map((compared) =>
      named(other, isEarlier, alike(first, second, compared, examples)),
    );
    return inParts.toSorted(closestFirst).slice(0, 1);
  });
  const telling = closest.filter(
    ({ exact, similarity, contained }) => exact || Math.max(similarity, contained) >= candidateAt,
  );
  return telling.toSorted(closestFirst).slice(0, mostReported).map(withoutPosition);
}

function closestFirst(left: Judged, right: Judged): number {
  return (
    Number(right.exact) - Number(left.exact) ||
    right.similarity - left.similarity ||
    right.contained - left.contained ||
    left.position - right.position
  );
}

function withoutPosition({ position: _, ...likeness }: Judged): Likeness {
  return likeness;
}

const partNames = { whole: 'source', architecture: 'architecture', training: 'training' } as const;

function copyFinding({ submissionId, compared, exact, similarity }: Likeness): Finding {
  const what = partNames[compared];
  const explanation = exact
    ? `Its ${what} is that of submission ${submissionId}, which was received earlier.`
    : `Its ${what} has ${percent(similarity)} in common with that of submission ${submissionId}, which was received earlier.`;
  const place = { path: null, line: null, column: null, node: null, excerptHash: null };
  return { rule: exact ? 'prism:duplicate-exact' : 'prism:duplicate-near', ...place, explanation };
}

function containmentOf({ submissionId, compared, contained }: Likeness): string {
  return `Its ${partNames[compared]} contains ${percent(contained)} of that of submission ${submissionId}, which was received earlier, among more.`;
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}

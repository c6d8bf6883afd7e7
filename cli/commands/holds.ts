import { z } from 'zod';
import { exitCodes } from '../exit-codes.ts';
import { type Output, table } from '../output.ts';
import type { ServiceClient } from '../service-client.ts';
import { indented, oneLine } from '../terminal-text.ts';

const holdAnswer = z.looseObject({
  id: z.string(),
  submission_id: z.string(),
  source: z.string(),
  reason: z.string(),
  state: z.string(),
  held_at: z.string(),
  expires_at: z.string(),
  operator: z.string().nullable(),
  decision_reason: z.string().nullable(),
  ended_at: z.string().nullable(),
});
const holdsAnswer = z.looseObject({ holds: z.array(holdAnswer), next_cursor: z.string().nullable() });
type Hold = z.infer<typeof holdAnswer>;

const opinionAnswer = z.looseObject({ kind: z.string(), doubt: z.string().optional(), detail: z.string().optional() });
const likenessAnswer = z.looseObject({ submission_id: z.string(), similarity: z.number(), contained: z.number() });
const comparisonAnswer = z.looseObject({
  submission_id: z.string(),
  compared_at: z.string(),
  verdict: z.string(),
  likenesses: z.array(likenessAnswer),
  copies: z.array(likenessAnswer),
});
const shownAnswer = holdAnswer.extend({
  submission: z.looseObject({ hotkey: z.string(), status: z.string() }).nullable(),
  shares_sources_with: z.array(z.looseObject({ submission_id: z.string(), hotkey: z.string(), shares: z.string() })),
  comparisons: z.array(comparisonAnswer),
  named_by: z.array(comparisonAnswer),
  reviews: z.array(z.looseObject({ reviewed_at: z.string(), verdict: z.string(), model: z.string() })),
  transcript: z
    .looseObject({
      exchanges: z.array(
        z.looseObject({
          pass: z.string(),
          part: z.number(),
          of: z.number(),
          opinion: opinionAnswer,
          replies: z.array(z.string()),
        }),
      ),
    })
    .nullable(),
});

const resolvedAnswer = z.looseObject({ id: z.string(), submission_id: z.string(), status: z.string() });

/** What waits for an operator, oldest first; with `all` also what was decided or expired. */
export async function listHolds(
  client: ServiceClient,
  { all }: { readonly all: boolean },
  output: Output,
): Promise<number> {
  const holds: Hold[] = [];
  for (let cursor: string | null = ''; cursor !== null; ) {
    const query = new URLSearchParams({ state: all ? 'all' : 'open', ...(cursor === '' ? {} : { cursor }) });
    const page: z.infer<typeof holdsAnswer> = await client.get(`/internal/v1/holds?${query}`, holdsAnswer);
    holds.push(...page.holds);
    cursor = page.next_cursor;
  }
  output.result({ holds }, () =>
    holds.length === 0
      ? 'Nothing is held.'
      : table(
          ['hold', 'submission', 'source', 'state', 'held', 'expires', 'reason'],
          holds.map((hold) => [
            ...[hold.id, hold.submission_id, hold.source, hold.state, hold.held_at, hold.expires_at],
            shortened(hold.reason),
          ]),
        ),
  );
  return exitCodes.ok;
}

/** What an operator decides by; every word of the newest review with `--json`. */
export async function showHold(client: ServiceClient, id: string, output: Output): Promise<number> {
  const hold = await client.get(`/internal/v1/holds/${encodeURIComponent(id)}`, shownAnswer);
  output.result(hold, () => describeHold(hold).join('\n'));
  return exitCodes.ok;
}

function describeHold(hold: z.infer<typeof shownAnswer>): readonly string[] {
  const { submission, shares_sources_with, comparisons, named_by, reviews, transcript } = hold;
  return [
    `${hold.id}  ${hold.source}, ${hold.state}`,
    `submission ${hold.submission_id} of ${submission?.hotkey ?? 'unknown'}, ${submission?.status ?? 'unknown'}`,
    `held ${hold.held_at}, expires ${hold.expires_at}: ${hold.reason}`,
    ...(hold.operator === null ? [] : [`decided ${hold.ended_at} by ${hold.operator}: ${hold.decision_reason}`]),
    ...shares_sources_with.map((other) => `same ${other.shares} as ${other.submission_id} of ${other.hotkey}`),
    ...comparisons.flatMap((comparison) => describeComparison('compared', comparison)),
    ...named_by.flatMap((comparison) => describeComparison(`named by ${comparison.submission_id}`, comparison)),
    ...reviews.map(({ reviewed_at, verdict, model }) => `reviewed ${reviewed_at} by ${model}: ${verdict}`),
    ...(transcript?.exchanges ?? []).flatMap(({ pass, part, of, opinion, replies }) => [
      `  ${pass} ${part}/${of}: ${oneLine([opinion.kind, opinion.doubt, opinion.detail].filter(Boolean).join(', '))}`,
      ...(opinion.kind === 'clean' ? [] : replies.slice(-1).map((reply) => `    ${indented(reply, 4)}`)),
    ]),
  ];
}

function describeComparison(
  what: string,
  { compared_at, verdict, likenesses, copies }: z.infer<typeof comparisonAnswer>,
): readonly string[] {
  const line = (kind: string) => (other: z.infer<typeof likenessAnswer>) =>
    `  ${kind} ${other.submission_id}: ${percent(other.similarity)} in common, ${percent(other.contained)} of the earlier one contained`;
  return [`${what} ${compared_at}: ${verdict}`, ...likenesses.map(line('like')), ...copies.map(line('copy'))];
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}

export type Decision = {
  readonly resolution: 'release' | 'reject';
  readonly operator: string;
  readonly reason: string;
};

/** Decides a hold, once: it resumes its submission where it stopped, or rejects it for good. */
export async function resolveHold(
  client: ServiceClient,
  id: string,
  decision: Decision,
  output: Output,
): Promise<number> {
  const path = `/internal/v1/holds/${encodeURIComponent(id)}/resolve`;
  const headers = { 'content-type': 'application/json' };
  const resolved = await client.post(path, resolvedAnswer, Buffer.from(JSON.stringify(decision)), headers);
  const done = decision.resolution === 'release' ? 'released' : 'rejected';
  output.result(
    resolved,
    () => `hold ${resolved.id} ${done}: submission ${resolved.submission_id} is ${resolved.status}`,
  );
  return exitCodes.ok;
}

const shownCharacters = 80;

function shortened(text: string): string {
  return text.length > shownCharacters ? `${text.slice(0, shownCharacters)}…` : text;
}

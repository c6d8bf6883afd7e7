import { leaderboardAnswer, weightsAnswer } from '../answers.ts';
import { type Output, rounded, table } from '../output.ts';
import type { ServiceClient } from '../service-client.ts';

export type Scope = { readonly epoch?: string; readonly all?: boolean };

export async function leaderboard(client: ServiceClient, scope: Scope, output: Output): Promise<number> {
  const query = new URLSearchParams();
  if (scope.epoch !== undefined) query.set('epoch_id', scope.epoch);
  if (scope.all === true) query.set('scope', 'all');
  const board = await client.get(`/v1/leaderboard?${query}`, leaderboardAnswer);
  output.result(board, () =>
    board.entries.length === 0
      ? 'No scores in this epoch yet.'
      : table(
          ['rank', 'hotkey', 'score', 'bits/byte', 'counts as', 'may hide', '', 'baseline', 'submission'],
          board.entries.map((entry) => [
            entry.rank,
            entry.hotkey,
            rounded(entry.score),
            rounded(entry.bits_per_byte),
            rounded(entry.counted_bpb),
            rounded(entry.undetected_bpb),
            entry.confirmation,
            rounded(entry.baseline_bpb),
            entry.submission_id,
          ]),
        ),
  );
  return 0;
}

/** The weights as the platform would read them. A dry run always: nothing is written on a chain. */
export async function weights(client: ServiceClient, output: Output): Promise<number> {
  const answer = await client.get('/internal/v1/get_weights', weightsAnswer, { 'x-platform-challenge-slug': 'prism' });
  const rows = Object.entries(answer.weights).sort(([, left], [, right]) => right - left);
  output.result(answer, () =>
    rows.length === 0
      ? `No weights in epoch ${answer.epoch}.`
      : table(
          ['hotkey', 'weight'],
          rows.map(([hotkey, weight]) => [hotkey, rounded(weight)]),
        ),
  );
  return 0;
}

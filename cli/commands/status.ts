import { z } from 'zod';
import {
  type HeldOutAnswer,
  heldOutAnswer,
  type ScoreAnswer,
  type SubmissionAnswer,
  scoreAnswer,
  submissionAnswer,
} from '../answers.ts';
import { heldOutText } from '../held-out-text.ts';
import { type Output, rounded } from '../output.ts';
import type { ServiceClient } from '../service-client.ts';
import { oneLine } from '../terminal-text.ts';

const detailSchema = z.looseObject({
  gate: z.looseObject({ name: z.string(), retry_at: z.string().nullable() }).nullable().catch(null),
  score: scoreAnswer.extend({ held_out: heldOutAnswer.optional() }).nullable().catch(null),
  penalty: z.number().nullable().catch(null),
  run: z.looseObject({ purpose: z.string().nullable() }).nullable().catch(null),
  progress: z.looseObject({ phase: z.string(), covered: z.number().nullable() }).nullable().catch(null),
  place_in_queue: z.number().nullable().catch(null),
  reason: z.looseObject({ code: z.string(), message: z.string().nullable() }).nullable().catch(null),
});

/** One line about a submission: its status, and what people ask next. */
export function describeSubmission(submission: SubmissionAnswer): string {
  const detail = detailSchema.parse(submission);
  const { gate, reason, score } = detail;
  const why = oneLine(reason === null ? (submission.error ?? '') : `${reason.code}: ${reason.message ?? ''}`);
  switch (submission.status) {
    case 'pending':
      if (gate !== null)
        return `pending: ${gate.name} gate${gate.retry_at === null ? '' : `, again at ${gate.retry_at} (${why})`}`;
      return detail.place_in_queue === null ? 'pending' : `pending: number ${detail.place_in_queue} in the queue`;
    case 'running':
      return describeRunning(detail);
    case 'completed':
      return `completed: ${rounded(score?.bits_per_byte ?? null)} bits per byte, ${score?.confirmation ?? 'unconfirmed'}, final score ${rounded(submission.final_score)}`;
    default:
      return `${submission.status}: ${why}`;
  }
}

const followUps: Readonly<Record<string, string>> = {
  rerun: 'running once more, to confirm the score',
  heldOut: 'measured on text that it has never seen',
};

function describeRunning({ progress, run }: z.infer<typeof detailSchema>): string {
  const what = (run?.purpose && followUps[run.purpose]) ?? 'running';
  if (progress === null) return what;
  return progress.covered === null
    ? `${what}: ${progress.phase}`
    : `${what}: ${percent(progress.covered)} of the stream`;
}

/** Lines about how far a score can be relied on; docs/integrity.md explains them. */
export function describeCertainty(score: ScoreAnswer): string[] {
  const { blind, undetected_bpb, baseline_bpb } = score;
  const lines = [
    ['claimed', `${rounded(score.bits_per_byte)} bits per byte (standard error ${rounded(score.standard_error_bpb)})`],
    ['counts as', `${rounded(score.counted_bpb)}, ${score.confirmation}`],
    [
      'paid blind',
      blind === null
        ? 'too few decoys for a verdict'
        : `${rounded(blind.bits_per_byte)} (95 %: ${rounded(blind.low)} to ${rounded(blind.high)})`,
    ],
    [
      'undetected advantage',
      undetected_bpb === null ? 'nothing bounds it' : `at most ${rounded(undetected_bpb)}, with a probability of 5 %`,
    ],
    ['baseline', baseline_bpb === null ? 'not measured' : `${rounded(baseline_bpb)}, the referee's own predictor`],
  ];
  return lines.map(([what = '', text]) => `  ${what.padEnd(22)}${text}`);
}

/** A line about the held-out measure, where there was one. */
export function describeHeldOut(answer: HeldOutAnswer, penalty: number | null): readonly string[] {
  const text = heldOutText({
    heldOut: answer.outcome,
    deltaBpb: answer.delta_bpb,
    deltaStandardErrorBpb: answer.delta_standard_error_bpb,
    gapBpb: answer.gap_bpb,
    gapStandardErrorBpb: answer.gap_standard_error_bpb,
    penalty: penalty ?? 1,
  });
  return text === null ? [] : [`  ${'held out'.padEnd(22)}${text}`];
}

function percent(share: number): string {
  return `${Math.floor(share * 100)} %`;
}

export async function status(client: ServiceClient, id: string, output: Output): Promise<number> {
  const submission = await client.get(`/v1/submissions/${encodeURIComponent(id)}`, submissionAnswer);
  const { score, penalty } = detailSchema.parse(submission);
  const certainty = score === null ? [] : describeCertainty(score);
  if (score?.held_out !== undefined) certainty.push(...describeHeldOut(score.held_out, penalty));
  output.result(submission, () =>
    [`${submission.id}  ${submission.hotkey}`, describeSubmission(submission), ...certainty].join('\n'),
  );
  return 0;
}

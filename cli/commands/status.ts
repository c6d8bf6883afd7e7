import { z } from 'zod';
import { type SubmissionAnswer, submissionAnswer } from '../answers.ts';
import { type Output, rounded } from '../output.ts';
import type { ServiceClient } from '../service-client.ts';

const detailSchema = z.looseObject({
  gate: z.looseObject({ name: z.string(), retry_at: z.string().nullable() }).nullable().catch(null),
  score: z.looseObject({ bits_per_byte: z.number() }).nullable().catch(null),
  progress: z.looseObject({ phase: z.string(), covered: z.number().nullable() }).nullable().catch(null),
  place_in_queue: z.number().nullable().catch(null),
  reason: z.looseObject({ code: z.string(), message: z.string().nullable() }).nullable().catch(null),
});

/** One line about a submission: its status, and what people ask next. */
export function describeSubmission(submission: SubmissionAnswer): string {
  const detail = detailSchema.parse(submission);
  const { gate, reason, progress, score } = detail;
  const why = reason === null ? (submission.error ?? '') : `${reason.code}: ${reason.message ?? ''}`;
  switch (submission.status) {
    case 'pending':
      if (gate !== null)
        return `pending: ${gate.name} gate${gate.retry_at === null ? '' : `, again at ${gate.retry_at} (${why})`}`;
      return detail.place_in_queue === null ? 'pending' : `pending: number ${detail.place_in_queue} in the queue`;
    case 'running':
      if (progress === null) return 'running';
      return progress.covered === null
        ? `running: ${progress.phase}`
        : `running: ${percent(progress.covered)} of the stream`;
    case 'completed':
      return `completed: ${rounded(score?.bits_per_byte ?? null)} bits per byte, final score ${rounded(submission.final_score)}`;
    default:
      return `${submission.status}: ${why}`;
  }
}

function percent(share: number): string {
  return `${Math.floor(share * 100)} %`;
}

export async function status(client: ServiceClient, id: string, output: Output): Promise<number> {
  const submission = await client.get(`/v1/submissions/${encodeURIComponent(id)}`, submissionAnswer);
  output.result(submission, () => `${submission.id}  ${submission.hotkey}\n${describeSubmission(submission)}`);
  return 0;
}

import { z } from 'zod';

/** What the CLI reads of the service's answers; other fields pass through to `--json` untouched. */

export const receivedAnswer = z.looseObject({
  id: z.string(),
  hotkey: z.string(),
  status: z.string(),
  code_hash: z.string(),
});

export const submissionAnswer = z.looseObject({
  id: z.string(),
  hotkey: z.string(),
  epoch_id: z.number(),
  status: z.enum(['pending', 'running', 'completed', 'failed', 'rejected', 'held']),
  code_hash: z.string(),
  created_at: z.string(),
  error: z.string().nullable(),
  final_score: z.number().nullable(),
});
export type SubmissionAnswer = z.infer<typeof submissionAnswer>;

/** A score and how far it can be relied on. Bits per raw byte. */
export const scoreAnswer = z.looseObject({
  bits_per_byte: z.number(),
  standard_error_bpb: z.number(),
  confirmation: z.string(),
  counted_bpb: z.number(),
  blind: z.looseObject({ bits_per_byte: z.number(), low: z.number(), high: z.number() }).nullable(),
  undetected_bpb: z.number().nullable(),
  baseline_bpb: z.number().nullable(),
});
export type ScoreAnswer = z.infer<typeof scoreAnswer>;

/** What became of the state that a run ended in. Bits per raw byte; null where nothing was measured. */
export const heldOutAnswer = z.looseObject({
  outcome: z.enum(['off', 'measured', 'failed', 'unmeasured']),
  delta_bpb: z.number().nullable(),
  delta_standard_error_bpb: z.number().nullable(),
  gap_bpb: z.number().nullable(),
  gap_standard_error_bpb: z.number().nullable(),
});
export type HeldOutAnswer = z.infer<typeof heldOutAnswer>;

export const eventsAnswer = z.looseObject({
  events: z.array(
    z.looseObject({ type: z.string(), recorded_at: z.string(), data: z.record(z.string(), z.unknown()) }),
  ),
  next_cursor: z.string().nullable().optional(),
});

export const leaderboardAnswer = z.looseObject({
  epoch_id: z.number().nullable(),
  entries: z.array(
    scoreAnswer.extend({ rank: z.number(), hotkey: z.string(), score: z.number(), submission_id: z.string() }),
  ),
});

export const weightsAnswer = z.looseObject({ epoch: z.number(), weights: z.record(z.string(), z.number()) });

export const healthAnswer = z.looseObject({ status: z.string() });

const terminal = new Set(['completed', 'failed', 'rejected', 'held']);
/** Whether nothing more will happen by itself. */
export function isSettled(status: string): boolean {
  return terminal.has(status);
}

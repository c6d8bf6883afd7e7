import { z } from 'zod';
import type { Finding, ReviewDoubt } from '../../domain/submission/events.ts';
import type { ChatReply } from './chat-client.ts';
import { toolName } from './prompt.ts';
import type { ReviewedFile } from './reviewed-source.ts';
import { secondLook } from './second-look.ts';

/** What one reply comes to. */
export type Opinion =
  | { readonly kind: 'clean' }
  /** At least one, each seen by the second look. */
  | { readonly kind: 'rejects'; readonly findings: readonly Finding[] }
  /** `detail` says what is wrong with the reply, and goes no further than the transcript. */
  | { readonly kind: 'doubtful'; readonly doubt: ReviewDoubt; readonly detail: string };

const answerSchema = z.object({
  reason: z.string(),
  verdict: z.enum(['approve', 'suspicious', 'reject']),
  violations: z.array(z.string()),
  confidence: z.number().min(0).max(1),
  rule_ids: z.array(z.string()),
  evidence: z.array(
    z.object({ path: z.string(), line: z.int().positive(), rule_id: z.string(), explanation: z.string() }),
  ),
});
type Answer = z.infer<typeof answerSchema>;

/** Below it, whoever answers says himself that he doesn't know. */
const leastConfidence = 0.5;

/** Judges a reply, which is as untrusted as the source that it is about. Deterministic. */
export function opinionOf({ finishReason, calls }: ChatReply, files: readonly ReviewedFile[]): Opinion {
  if (finishReason === 'length') return unparseable('the reply was cut off');
  const [call, another] = calls;
  if (call === undefined) return unparseable(`the reply calls nothing (${finishReason ?? 'no reason given'})`);
  if (another !== undefined) return doubtful('contradictory', 'the reply calls more than once');
  if (call.name !== toolName) return unparseable('the reply calls something else');
  const answer = answerSchema.safeParse(parseJson(call.arguments));
  if (!answer.success) {
    const [issue] = answer.error.issues;
    return unparseable(`the call's arguments have another shape (${issue?.path.join('.') ?? ''}: ${issue?.message})`);
  }
  return weigh(answer.data, files);
}

function weigh(answer: Answer, files: readonly ReviewedFile[]): Opinion {
  const { verdict, confidence, violations, rule_ids, evidence } = answer;
  const accuses = violations.length + rule_ids.length + evidence.length > 0;
  if (verdict === 'approve' && accuses) return doubtful('contradictory', 'it approves, and names violations');
  if (confidence < leastConfidence) return doubtful('ambiguous', `it is sure by ${confidence} only`);
  if (verdict === 'approve') return { kind: 'clean' };
  if (verdict === 'suspicious') return doubtful('suspicious', 'it suspects without rejecting');
  const findings = evidence.flatMap((each) => secondLook(files, each) ?? []);
  if (findings.length > 0) return { kind: 'rejects', findings };
  return doubtful('suspicious', 'it rejects, and the second look finds nothing where it points');
}

function doubtful(doubt: ReviewDoubt, detail: string): Opinion {
  return { kind: 'doubtful', doubt, detail };
}

function unparseable(detail: string): Opinion {
  return doubtful('unparseable', detail);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

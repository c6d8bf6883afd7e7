import type { ActivePolicy } from '../domain/policy/policy.ts';
import type { BlobReference } from '../domain/ports/blobs.ts';
import { ReviewerUnavailableError } from '../domain/ports/reviewer.ts';
import type { GateName } from '../domain/submission/events.ts';
import type { LivingState } from '../domain/submission/state.ts';
import type { ReviewerNotice } from '../gates/llm/reviewer-metrics.ts';
import type { GateAnswer } from '../machines/due/run-gates.ts';

/** What the thread of the gates is told. */
export type GateRequest =
  | {
      readonly kind: 'asked';
      readonly id: number;
      readonly gate: GateName;
      readonly state: LivingState;
      readonly policy: ActivePolicy;
    }
  | { readonly kind: 'kept'; readonly id: number; readonly reference: BlobReference }
  | { readonly kind: 'notKept'; readonly id: number; readonly fault: Fault }
  /** Whatever waits for somebody is given up. */
  | { readonly kind: 'stop' }
  | { readonly kind: 'close' };

/** What it says. */
export type GateMessage =
  | { readonly kind: 'answered'; readonly id: number; readonly answer: GateAnswer }
  | { readonly kind: 'failed'; readonly id: number; readonly fault: Fault }
  /** Bytes to be made durable before it goes on. */
  | { readonly kind: 'keep'; readonly id: number; readonly content: Uint8Array }
  | { readonly kind: 'reviewer'; readonly notice: ReviewerNotice }
  | {
      readonly kind: 'log';
      readonly level: 'info' | 'warn' | 'error';
      readonly fields: object;
      readonly text: string;
    };

/** An error between threads: a clone of it would lose its class and name. The stack holds those of its causes. */
export type Fault = {
  readonly name: string;
  readonly message: string;
  readonly stack: string;
  /** Of a `ReviewerUnavailableError`. */
  readonly retryAt: string | null;
};

export function toFault(error: unknown): Fault {
  if (!(error instanceof Error)) return { name: 'Error', message: String(error), stack: '', retryAt: null };
  const causes: string[] = [];
  for (let cause: unknown = error; cause instanceof Error; cause = cause.cause)
    causes.push(cause.stack ?? String(cause));
  const retryAt = error instanceof ReviewerUnavailableError ? error.retryAt : null;
  return { name: error.name, message: error.message, stack: causes.join('\ncaused by: '), retryAt };
}

/** What went wrong in the other thread, under its own name. */
class ForeignError extends Error {
  constructor(message: string, name: string) {
    super(message);
    this.name = name;
  }
}

export function toError({ name, message, stack, retryAt }: Fault): Error {
  const isReviewer = name === ReviewerUnavailableError.name;
  const error = isReviewer ? new ReviewerUnavailableError(message, retryAt) : new ForeignError(message, name);
  error.stack = stack;
  return error;
}

import type { BundleFile } from '../../domain/bundle.ts';
import type { BlobSink } from '../../domain/ports/blobs.ts';
import type { BundleReader } from '../../domain/ports/bundles.ts';
import type { Inspector } from '../../domain/ports/inspector.ts';
import { ReviewerUnavailableError } from '../../domain/ports/reviewer.ts';
import type { Finding, Review, ReviewDoubt } from '../../domain/submission/events.ts';
import type { LivingState } from '../../domain/submission/state.ts';
import { type ChatClient, NoAnswerError } from './chat-client.ts';
import type { CircuitBreaker } from './circuit-breaker.ts';
import { findInjections } from './injection.ts';
import { promptVersion } from './prompt.ts';
import { type BundleReview, reviewBundle } from './review-bundle.ts';
import { type ReviewedFile, reviewedFiles } from './reviewed-source.ts';

/** Changes whenever the gate may judge the same replies differently; recorded with every verdict. */
export const llmGateVersion = 'llm/2';

/** Shorter than a claim on the work lasts: a review that outlived it might be paid for twice. */
const reviewLimitMs = 540_000;

export type Reviewer = {
  readonly ask: ChatClient;
  readonly model: string;
  readonly breaker: CircuitBreaker;
  /** Aborted when the service stops. */
  readonly stopping: AbortSignal;
};

export type LlmGateDeps = {
  readonly readBundle: BundleReader;
  readonly inspector: Inspector;
  readonly blobs: BlobSink;
  /** Null: none is configured, and nothing is reviewed. */
  readonly reviewer: Reviewer | null;
};

export type LlmGateAnswer =
  | { readonly kind: 'skipped'; readonly reason: string }
  | {
      readonly kind: 'passed';
      readonly gateVersion: string;
      readonly evidence: null;
      readonly review: Review;
    }
  | {
      readonly kind: 'failed';
      readonly gateVersion: string;
      readonly findings: readonly Finding[];
      readonly evidence: null;
      readonly review?: Review;
    }
  | { readonly kind: 'held'; readonly reason: string; readonly review: Review };

/**
 * The last gate: a language model reads the whole bundle. It can reject only by what a deterministic look confirms, hold, or let pass, and never raises
 * a score. Throws `ReviewerUnavailableError` while nobody answers, which is no verdict.
 */
export function llmGate(deps: LlmGateDeps): (state: LivingState) => Promise<LlmGateAnswer> {
  const { readBundle, inspector, blobs, reviewer } = deps;
  return async ({ identity }) => {
    if (reviewer === null) return { kind: 'skipped', reason: 'no reviewer is configured' };
    const files = await filesOf(await readBundle(identity.bundle.sha256), inspector);
    const injections = findInjections(files);
    if (injections.length > 0) {
      return { kind: 'failed', gateVersion: llmGateVersion, findings: injections, evidence: null };
    }
    const reviewed = await askReviewer(reviewer, identity.submissionId, files);
    return answerOf(reviewed, await recordOf(reviewed, reviewer, blobs));
  };
}

async function filesOf(files: readonly BundleFile[], inspector: Inspector): Promise<readonly ReviewedFile[]> {
  const modules = await inspector.inspect(files.filter(({ path }) => path.endsWith('.py')));
  const prose = new Map(modules.map((module) => [module.path, module.prose]));
  return reviewedFiles(files, (path) => prose.get(path));
}

async function askReviewer(
  { ask, breaker, stopping }: Reviewer,
  submissionId: string,
  files: readonly ReviewedFile[],
): Promise<BundleReview> {
  const openUntil = breaker.openUntil();
  if (openUntil !== null) throw new ReviewerUnavailableError('the reviewer is given time to come back', openUntil);
  try {
    const signal = AbortSignal.any([stopping, AbortSignal.timeout(reviewLimitMs)]);
    const reviewed = await reviewBundle(ask, files, signal);
    breaker.answered();
    return reviewed;
  } catch (error) {
    if (!(error instanceof NoAnswerError)) throw error;
    if (error.isOutage) breaker.unanswered(submissionId, error.retryAt);
    throw new ReviewerUnavailableError('no review could be had', error.retryAt ?? breaker.openUntil(), error);
  }
}

/** The transcript is durable before the event that names it. */
async function recordOf(
  { verdict, doubts, exchanges }: BundleReview,
  { model }: Reviewer,
  blobs: BlobSink,
): Promise<Review> {
  const transcript = { schema: 'prism_review.v1', gateVersion: llmGateVersion, model, promptVersion, exchanges };
  const reference = await blobs.put(Buffer.from(JSON.stringify(transcript)));
  const versions = { gateVersion: llmGateVersion, model, promptVersion };
  return { ...versions, verdict, doubts: [...doubts], requests: exchanges.length, transcript: reference };
}

function answerOf({ verdict, findings, doubts }: BundleReview, review: Review): LlmGateAnswer {
  switch (verdict) {
    case 'passed':
      return { kind: 'passed', gateVersion: llmGateVersion, evidence: null, review };
    case 'failed':
      return { kind: 'failed', gateVersion: llmGateVersion, findings, evidence: null, review };
    case 'held':
      return { kind: 'held', reason: reasonOf(doubts), review };
  }
}

const sentences: Readonly<Record<ReviewDoubt, string>> = {
  suspicious: 'The reviewer is suspicious, without evidence that a second look finds.',
  ambiguous: 'The reviewer is not sure.',
  contradictory: "The reviewer's answer contradicts itself.",
  unparseable: "The reviewer's answer can't be read.",
};

/** Public: in our words, never the reviewer's, who may quote the source. */
function reasonOf(doubts: readonly ReviewDoubt[]): string {
  return doubts.map((doubt) => sentences[doubt]).join(' ');
}

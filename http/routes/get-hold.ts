import { text } from 'node:stream/consumers';
import type { RouterMiddleware } from '@koa/router';
import type { Blobs } from '../../domain/ports/blobs.ts';
import type { BehavingAlike, Likeness } from '../../domain/submission/events.ts';
import type { LlmReviewQueries, LlmReviewView } from '../../projections/llm-reviews.ts';
import type { PlagiarismReviewQueries, PlagiarismReviewView } from '../../projections/plagiarism-reviews.ts';
import type { SourceQueries, SubmissionSource } from '../../projections/submission-sources.ts';
import type { SubmissionQueries } from '../../projections/submissions.ts';
import { type FindHoldDependencies, findHold } from '../find-hold.ts';
import { holdBody } from '../hold-body.ts';

export type GetHoldDependencies = FindHoldDependencies & {
  readonly submissions: Pick<SubmissionQueries, 'byId'>;
  readonly reviews: LlmReviewQueries;
  readonly sources: SourceQueries;
  readonly comparisons: PlagiarismReviewQueries;
  readonly blobs: Pick<Blobs, 'open'>;
};

const mostSharing = 10;

/**
 * `GET /internal/v1/holds/{id}`: what an operator decides by: the hold, its submission, what else shares its source, how alike others are, and
 * what reviewers were asked and answered. The newest review comes word for word, source included: for operators alone.
 */
export function getHold(deps: GetHoldDependencies): RouterMiddleware {
  return async (ctx) => {
    const hold = await findHold(deps, ctx);
    const { submissionId } = hold;
    const submission = deps.submissions.byId(submissionId);
    const source = deps.sources.bySubmission(submissionId);
    const reviews = deps.reviews.ofSubmission(submissionId);
    const [newest] = reviews;
    ctx.body = {
      ...holdBody(hold),
      submission: submission && {
        ...{ id: submission.id, hotkey: submission.hotkey, status: submission.status, filename: submission.filename },
        ...{ created_at: submission.receivedAt, code_hash: submission.codeHash, bundle: source?.archiveSha256 ?? null },
      },
      sources: source && sourcesBody(source),
      shares_sources_with: deps.sources
        .sharing(submissionId, mostSharing)
        .map((other) => ({ submission_id: other.submissionId, hotkey: other.hotkey, shares: other.shares })),
      comparisons: deps.comparisons.ofSubmission(submissionId).map(comparisonBody),
      named_by: deps.comparisons.naming(submissionId, mostSharing).map(comparisonBody),
      reviews: reviews.map(reviewBody),
      transcript: newest === undefined ? null : await readTranscript(deps.blobs, newest.transcript),
    };
  };
}

async function readTranscript(blobs: Pick<Blobs, 'open'>, sha256: string): Promise<unknown> {
  return JSON.parse(await text(await blobs.open(sha256)));
}

function sourcesBody({ files, contentBytes, archiveBytes, behaviour, roles }: SubmissionSource) {
  return { files, content_bytes: contentBytes, archive_bytes: archiveBytes, behaviour, roles };
}

function comparisonBody(comparison: PlagiarismReviewView) {
  return {
    submission_id: comparison.submissionId,
    compared_at: comparison.comparedAt,
    verdict: comparison.verdict,
    gate_version: comparison.gateVersion,
    as_of_position: comparison.asOfPosition,
    compared: comparison.compared,
    likenesses: comparison.likenesses.map(likenessBody),
    copies: comparison.copies.map(likenessBody),
    behaving_alike: comparison.behavingAlike.map(likenessBody),
    policy_version: comparison.policyVersion,
  };
}

function likenessBody({ submissionId, ...likeness }: Likeness | BehavingAlike) {
  return { submission_id: submissionId, ...likeness };
}

function reviewBody(review: LlmReviewView) {
  return {
    reviewed_at: review.reviewedAt,
    verdict: review.verdict,
    doubts: review.doubts,
    model: review.model,
    prompt_version: review.promptVersion,
    gate_version: review.gateVersion,
    requests: review.requests,
    transcript: review.transcript,
    policy_version: review.policyVersion,
  };
}

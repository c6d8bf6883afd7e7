import { z } from 'zod';
import { type ReviewDoubt, reviewDoubts, submissionStreamPrefix } from '../domain/submission/events.ts';
import { liveReader } from './live-reader.ts';
import type { Fold, Projection, TableNames } from './projection.ts';
import type { ProjectionDatabase } from './projection-database.ts';
import { submissionEventOf, submissionIdOf } from './submission-event.ts';

/** One row a review: who was asked about a submission by which prompt, what came of it, and where every word of it is stored. */
const table = 'llm_reviews';

function createSql(name: TableNames): string {
  return `CREATE TABLE ${name(table)} (
    submission_id TEXT NOT NULL,
    position INTEGER NOT NULL,
    reviewed_at TEXT NOT NULL,
    verdict TEXT NOT NULL CHECK (verdict IN ('passed', 'failed', 'held')),
    doubts TEXT NOT NULL,
    model TEXT NOT NULL,
    prompt_version TEXT NOT NULL,
    gate_version TEXT NOT NULL,
    requests INTEGER NOT NULL,
    transcript_sha256 TEXT NOT NULL,
    transcript_bytes INTEGER NOT NULL,
    policy_version INTEGER NOT NULL,
    PRIMARY KEY (submission_id, position)
  ) STRICT, WITHOUT ROWID;`;
}

function prepareFold(db: ProjectionDatabase, name: TableNames): Fold {
  const insert = db.prepare(`INSERT INTO ${name(table)} VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`);
  return (projected) => {
    const event = submissionEventOf(projected);
    if (event?.type !== 'SubmissionReviewed') return;
    const { verdict, doubts, model, promptVersion, gateVersion, requests, transcript, policyVersion } = event.data;
    insert.run(
      ...[submissionIdOf(projected.stream), projected.position, projected.recordedAt],
      ...[verdict, JSON.stringify(doubts), model, promptVersion, gateVersion, requests],
      ...[transcript.sha256, transcript.bytes, policyVersion],
    );
  };
}

export const llmReviewsProjection: Projection = {
  name: table,
  schema: 1,
  streams: [submissionStreamPrefix],
  tables: [table],
  createSql,
  prepareFold,
};

export type LlmReviewView = {
  readonly position: number;
  readonly reviewedAt: string;
  readonly verdict: 'passed' | 'failed' | 'held';
  readonly doubts: readonly ReviewDoubt[];
  readonly model: string;
  readonly promptVersion: string;
  readonly gateVersion: string;
  readonly requests: number;
  /** Digest of the stored prompts and replies, which hold the source. */
  readonly transcript: string;
  readonly policyVersion: number;
};

/** Reviews of a submission, newest first. */
export type LlmReviewQueries = { ofSubmission(submissionId: string): readonly LlmReviewView[] };

const doubtsSchema = z.array(z.enum(reviewDoubts));

export function llmReviewQueries(db: ProjectionDatabase): LlmReviewQueries {
  const read = liveReader(db, llmReviewsProjection, (name) => ({
    ofSubmission: db.prepare<[string], Omit<LlmReviewView, 'doubts'> & { readonly doubts: string }>(
      `SELECT position, reviewed_at AS reviewedAt, verdict, doubts, model, prompt_version AS promptVersion,
         gate_version AS gateVersion, requests, transcript_sha256 AS transcript, policy_version AS policyVersion
       FROM ${name(table)} WHERE submission_id = ? ORDER BY position DESC`,
    ),
  }));
  return {
    ofSubmission: (submissionId) =>
      read(({ ofSubmission }) => ofSubmission.all(submissionId)).map((row) => ({
        ...row,
        doubts: doubtsSchema.parse(JSON.parse(row.doubts)),
      })),
  };
}

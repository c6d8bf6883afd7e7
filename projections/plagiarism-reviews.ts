import { z } from 'zod';
import {
  type BehavingAlike,
  behavingAlikeSchema,
  type Likeness,
  likenessSchema,
  submissionStreamPrefix,
} from '../domain/submission/events.ts';
import { liveReader } from './live-reader.ts';
import type { Fold, Projection, TableNames } from './projection.ts';
import type { ProjectionDatabase } from './projection-database.ts';
import { submissionEventOf, submissionIdOf } from './submission-event.ts';

/** One row a comparison of a submission with others, and one for each of the others that it names. */
const reviews = 'plagiarism_reviews';
const named = 'plagiarism_likenesses';

function createSql(name: TableNames): string {
  return `
  CREATE TABLE ${name(reviews)} (
    submission_id TEXT NOT NULL,
    position INTEGER NOT NULL,
    compared_at TEXT NOT NULL,
    verdict TEXT NOT NULL CHECK (verdict IN ('passed', 'failed', 'held')),
    gate_version TEXT NOT NULL,
    sketch_version TEXT NOT NULL,
    examples TEXT NOT NULL,
    as_of_position INTEGER NOT NULL,
    compared INTEGER NOT NULL,
    likenesses TEXT NOT NULL,
    copies TEXT NOT NULL,
    behaving_alike TEXT NOT NULL,
    policy_version INTEGER NOT NULL,
    PRIMARY KEY (submission_id, position)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE ${name(named)} (
    named_id TEXT NOT NULL,
    position INTEGER NOT NULL,
    submission_id TEXT NOT NULL,
    PRIMARY KEY (named_id, position)
  ) STRICT, WITHOUT ROWID;`;
}

function prepareFold(db: ProjectionDatabase, name: TableNames): Fold {
  const insert = db.prepare(`INSERT INTO ${name(reviews)} VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`);
  const insertNamed = db.prepare(`INSERT OR IGNORE INTO ${name(named)} VALUES (?, ?, ?)`);
  return (projected) => {
    const event = submissionEventOf(projected);
    if (event?.type !== 'SourceCompared') return;
    const { position, recordedAt } = projected;
    const { verdict, gateVersion, sketchVersion, examples, asOfPosition, compared, policyVersion } = event.data;
    const { likenesses, copies, behavingAlike } = event.data;
    const id = submissionIdOf(projected.stream);
    insert.run(
      ...[id, position, recordedAt, verdict, gateVersion, sketchVersion, examples, asOfPosition, compared],
      ...[JSON.stringify(likenesses), JSON.stringify(copies), JSON.stringify(behavingAlike), policyVersion],
    );
    for (const { submissionId } of [...likenesses, ...copies, ...behavingAlike])
      insertNamed.run(submissionId, position, id);
  };
}

export const plagiarismReviewsProjection: Projection = {
  name: reviews,
  schema: 2,
  streams: [submissionStreamPrefix],
  tables: [reviews, named],
  createSql,
  prepareFold,
};

export type PlagiarismReviewView = {
  /** Whose comparison it is. */
  readonly submissionId: string;
  readonly position: number;
  readonly comparedAt: string;
  readonly verdict: 'passed' | 'failed' | 'held';
  readonly gateVersion: string;
  readonly sketchVersion: string;
  readonly examples: string;
  readonly asOfPosition: number;
  readonly compared: number;
  readonly likenesses: readonly Likeness[];
  readonly copies: readonly Likeness[];
  readonly behavingAlike: readonly BehavingAlike[];
  readonly policyVersion: number;
};

export type PlagiarismReviewQueries = {
  /** Comparisons of a submission, newest first. */
  ofSubmission(submissionId: string): readonly PlagiarismReviewView[];
  /** Comparisons of other submissions that name this one, newest first. */
  naming(submissionId: string, limit: number): readonly PlagiarismReviewView[];
};

type Row = Omit<PlagiarismReviewView, 'likenesses' | 'copies' | 'behavingAlike'> & {
  readonly likenesses: string;
  readonly copies: string;
  readonly behavingAlike: string;
};

const likenessesSchema = z.array(likenessSchema);
const behavingAlikeListSchema = z.array(behavingAlikeSchema);

export function plagiarismReviewQueries(db: ProjectionDatabase): PlagiarismReviewQueries {
  const columns = `r.submission_id AS submissionId, r.position, compared_at AS comparedAt, verdict, gate_version AS gateVersion,
    sketch_version AS sketchVersion, examples, as_of_position AS asOfPosition, compared, likenesses, copies,
    behaving_alike AS behavingAlike, policy_version AS policyVersion`;
  const read = liveReader(db, plagiarismReviewsProjection, (name) => ({
    ofSubmission: db.prepare<[string], Row>(
      `SELECT ${columns} FROM ${name(reviews)} r WHERE submission_id = ? ORDER BY r.position DESC`,
    ),
    naming: db.prepare<[string, number], Row>(
      `SELECT ${columns} FROM ${name(named)} n JOIN ${name(reviews)} r
         ON r.submission_id = n.submission_id AND r.position = n.position
       WHERE n.named_id = ? ORDER BY n.position DESC LIMIT ?`,
    ),
  }));
  return {
    ofSubmission: (submissionId) => read(({ ofSubmission }) => ofSubmission.all(submissionId)).map(toView),
    naming: (submissionId, limit) => read(({ naming }) => naming.all(submissionId, limit)).map(toView),
  };
}

function toView({ likenesses, copies, behavingAlike, ...row }: Row): PlagiarismReviewView {
  const parse = (stored: string) => likenessesSchema.parse(JSON.parse(stored));
  const alike = behavingAlikeListSchema.parse(JSON.parse(behavingAlike));
  return { ...row, likenesses: parse(likenesses), copies: parse(copies), behavingAlike: alike };
}

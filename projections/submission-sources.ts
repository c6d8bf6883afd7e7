import { z } from 'zod';
import { submissionStreamPrefix } from '../domain/submission/events.ts';
import { liveReader } from './live-reader.ts';
import type { Fold, Projection, TableNames } from './projection.ts';
import type { ProjectionDatabase } from './projection-database.ts';
import { submissionEventOf, submissionIdOf } from './submission-event.ts';

/** What a submission's source is known by: digests, sizes, paths, the fingerprints of its roles and its behaviour. Never the source. */
const table = 'submission_sources';

function createSql(name: TableNames): string {
  return `
  CREATE TABLE ${name(table)} (
    submission_id TEXT PRIMARY KEY,
    hotkey TEXT NOT NULL,
    received_position INTEGER NOT NULL,
    code_hash TEXT NOT NULL,
    archive_sha256 TEXT NOT NULL,
    archive_bytes INTEGER NOT NULL,
    files INTEGER NOT NULL,
    content_bytes INTEGER NOT NULL,
    kind TEXT,
    architecture_paths TEXT,
    architecture_fingerprint TEXT,
    training_paths TEXT,
    training_fingerprint TEXT,
    behaviour TEXT
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX ${name(table)}_by_code ON ${name(table)} (code_hash);
  CREATE INDEX ${name(table)}_by_architecture ON ${name(table)} (architecture_fingerprint);
  CREATE INDEX ${name(table)}_by_training ON ${name(table)} (training_fingerprint);
  CREATE INDEX ${name(table)}_by_behaviour ON ${name(table)} (behaviour);`;
}

function prepareFold(db: ProjectionDatabase, name: TableNames): Fold {
  const insert = db.prepare(
    `INSERT INTO ${name(table)} (submission_id, hotkey, received_position, code_hash, archive_sha256, archive_bytes,
       files, content_bytes) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  const resolve = db.prepare(
    `UPDATE ${name(table)} SET kind = ?, architecture_paths = ?, architecture_fingerprint = ?, training_paths = ?,
       training_fingerprint = ? WHERE submission_id = ?`,
  );
  const behave = db.prepare(`UPDATE ${name(table)} SET behaviour = ? WHERE submission_id = ?`);
  return (projected) => {
    const event = submissionEventOf(projected);
    if (event?.type === 'GatePassed' && event.data.behaviour !== null)
      behave.run(event.data.behaviour, submissionIdOf(projected.stream));
    if (event?.type === 'SubmissionReceived') {
      const { submissionId, hotkey, codeHash, bundle, files, contentBytes } = event.data;
      insert.run(submissionId, hotkey, projected.position, codeHash, bundle.sha256, bundle.bytes, files, contentBytes);
    }
    if (event?.type === 'ContractResolved') {
      const { kind, architecture, training } = event.data.contract;
      const ofArchitecture = [JSON.stringify(architecture.files), architecture.fingerprint];
      const ofTraining = [JSON.stringify(training.files), training.fingerprint];
      resolve.run(kind, ...ofArchitecture, ...ofTraining, submissionIdOf(projected.stream));
    }
  };
}

export const submissionSourcesProjection: Projection = {
  name: table,
  schema: 2,
  streams: [submissionStreamPrefix],
  tables: [table],
  createSql,
  prepareFold,
};

/** A role's files, and the digest over their canonical source. */
export type RoleSource = { readonly paths: readonly string[]; readonly fingerprint: string };

export type SubmissionSource = {
  readonly submissionId: string;
  readonly hotkey: string;
  readonly codeHash: string;
  readonly archiveSha256: string;
  readonly archiveBytes: number;
  readonly files: number;
  readonly contentBytes: number;
  /** Digest of what its untrained model answers: a claim. Null until the model was built, and where it says nothing. */
  readonly behaviour: string | null;
  /** Null until the contract is resolved. */
  readonly roles: { readonly kind: string; readonly architecture: RoleSource; readonly training: RoleSource } | null;
};

export type SourceQueries = {
  bySubmission(submissionId: string): SubmissionSource | null;
  /** Other submissions that share the code, or a role's fingerprint or its behaviour, with this one, earliest receipt first. */
  sharing(submissionId: string, limit: number): readonly SharedSource[];
};

export type SharedSource = {
  readonly submissionId: string;
  readonly hotkey: string;
  readonly shares: 'code' | 'architecture' | 'training' | 'behaviour';
};

type Row = Omit<SubmissionSource, 'roles'> & {
  readonly kind: string | null;
  readonly architecturePaths: string | null;
  readonly architectureFingerprint: string | null;
  readonly trainingPaths: string | null;
  readonly trainingFingerprint: string | null;
};

const pathsSchema = z.array(z.string());

export function sourceQueries(db: ProjectionDatabase): SourceQueries {
  const read = liveReader(db, submissionSourcesProjection, (name) => ({
    bySubmission: db.prepare<[string], Row>(
      `SELECT submission_id AS submissionId, hotkey, code_hash AS codeHash, archive_sha256 AS archiveSha256,
         archive_bytes AS archiveBytes, files, content_bytes AS contentBytes, behaviour, kind,
         architecture_paths AS architecturePaths, architecture_fingerprint AS architectureFingerprint,
         training_paths AS trainingPaths, training_fingerprint AS trainingFingerprint
       FROM ${name(table)} WHERE submission_id = ?`,
    ),
    sharing: db.prepare<[{ id: string; limit: number }], SharedSource>(
      `WITH own AS (SELECT * FROM ${name(table)} WHERE submission_id = @id), shared AS (
         SELECT s.submission_id, s.hotkey, s.received_position, 'code' AS shares
           FROM own JOIN ${name(table)} s ON s.code_hash = own.code_hash
         UNION ALL SELECT s.submission_id, s.hotkey, s.received_position, 'architecture'
           FROM own JOIN ${name(table)} s ON s.architecture_fingerprint = own.architecture_fingerprint
         UNION ALL SELECT s.submission_id, s.hotkey, s.received_position, 'training'
           FROM own JOIN ${name(table)} s ON s.training_fingerprint = own.training_fingerprint
         UNION ALL SELECT s.submission_id, s.hotkey, s.received_position, 'behaviour'
           FROM own JOIN ${name(table)} s ON s.behaviour = own.behaviour)
       SELECT submission_id AS submissionId, hotkey, shares FROM shared WHERE submission_id IS NOT @id
       ORDER BY received_position, shares LIMIT @limit`,
    ),
  }));
  return {
    bySubmission(submissionId) {
      const row = read(({ bySubmission }) => bySubmission.get(submissionId));
      return row === undefined ? null : toSource(row);
    },
    sharing: (id, limit) => read(({ sharing }) => sharing.all({ id, limit })),
  };
}

function toSource(row: Row): SubmissionSource {
  const { kind, architecturePaths, architectureFingerprint, trainingPaths, trainingFingerprint, ...source } = row;
  const architecture = roleOf(architecturePaths, architectureFingerprint);
  const training = roleOf(trainingPaths, trainingFingerprint);
  const isResolved = kind !== null && architecture !== null && training !== null;
  return { ...source, roles: isResolved ? { kind, architecture, training } : null };
}

function roleOf(paths: string | null, fingerprint: string | null): RoleSource | null {
  return paths === null || fingerprint === null ? null : { paths: pathsSchema.parse(JSON.parse(paths)), fingerprint };
}

import { policyStream } from '../domain/policy/events.ts';
import { submissionStreamPrefix } from '../domain/submission/events.ts';
import { liveReader } from './live-reader.ts';
import type { Fold, Projection, TableNames } from './projection.ts';
import type { ProjectionDatabase } from './projection-database.ts';

/**
 * One row an epoch in which something was received. How long it is depends on the policy of its receipts;
 * `epoch_lengths` keeps the length by policy version. Closing of epochs comes with its own events.
 */
const epochs = 'epochs';
const lengths = 'epoch_lengths';

function createSql(name: TableNames): string {
  return `
  CREATE TABLE ${name(epochs)} (
    epoch INTEGER PRIMARY KEY,
    epoch_seconds INTEGER,
    submissions INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE ${name(lengths)} (
    policy_version INTEGER PRIMARY KEY,
    epoch_seconds INTEGER NOT NULL
  ) STRICT;`;
}

function prepareFold(db: ProjectionDatabase, name: TableNames): Fold {
  const setLength = db.prepare(
    `INSERT INTO ${name(lengths)} (policy_version, epoch_seconds) VALUES (?, ?)
     ON CONFLICT (policy_version) DO UPDATE SET epoch_seconds = excluded.epoch_seconds`,
  );
  const count = db.prepare(
    `INSERT INTO ${name(epochs)} (epoch, epoch_seconds, submissions)
     VALUES (?, (SELECT epoch_seconds FROM ${name(lengths)} WHERE policy_version = ?), 1)
     ON CONFLICT (epoch) DO UPDATE SET submissions = submissions + 1,
       epoch_seconds = coalesce(excluded.epoch_seconds, epoch_seconds)`,
  );
  return ({ event }) => {
    if (event.type === 'PolicyActivated') setLength.run(event.data.version, event.data.policy.epochSeconds);
    if (event.type === 'SubmissionReceived') count.run(event.data.epoch, event.data.policyVersion);
  };
}

export const epochsProjection: Projection = {
  name: epochs,
  schema: 1,
  streams: [submissionStreamPrefix, policyStream],
  tables: [epochs, lengths],
  createSql,
  prepareFold,
};

export type EpochView = {
  readonly epoch: number;
  /** Null when the policy of its receipts isn't in the log. */
  readonly epochSeconds: number | null;
  readonly submissions: number;
};

export type EpochQueries = {
  /** Newest first; `before` is exclusive, null for the newest. */
  newest(before: number | null, limit: number): readonly EpochView[];
};

export function epochQueries(db: ProjectionDatabase): EpochQueries {
  const read = liveReader(db, epochsProjection, (name) =>
    db.prepare<[{ before: number | null; limit: number }], EpochView>(
      `SELECT epoch, epoch_seconds AS epochSeconds, submissions FROM ${name(epochs)}
       WHERE @before IS NULL OR epoch < @before ORDER BY epoch DESC LIMIT @limit`,
    ),
  );
  return { newest: (before, limit) => read((statement) => statement.all({ before, limit })) };
}

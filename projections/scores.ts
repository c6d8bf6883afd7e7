import type { ReadStandings } from '../domain/ports/standings.ts';
import { quantise, unquantise } from '../domain/scoring/ranking.ts';
import { normaliseWeights } from '../domain/scoring/weights.ts';
import {
  type Score,
  type SubmissionEvent,
  type SubmissionEventData,
  submissionStreamPrefix,
} from '../domain/submission/events.ts';
import { liveReader } from './live-reader.ts';
import type { Fold, Projection, TableNames } from './projection.ts';
import type { ProjectionDatabase } from './projection-database.ts';
import { submissionEventOf, submissionIdOf } from './submission-event.ts';

/**
 * What counts on boards and for weights (CONTRACT §4). A row per submission that hasn't failed or been rejected; it counts while
 * it is completed, not held and not voided. `quanta` is the score in whole 1e-9, so that SQL orders by integers just as
 * `domain/scoring/ranking.ts` does.
 */
const table = 'scores';

function createSql(name: TableNames): string {
  return `
  CREATE TABLE ${name(table)} (
    submission_id TEXT PRIMARY KEY,
    hotkey TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    received_at TEXT NOT NULL,
    device_class TEXT,
    quanta INTEGER,
    bits_per_byte REAL,
    standard_error_bpb REAL,
    blind_bpb REAL,
    blind_standard_error_bpb REAL,
    confirmation TEXT,
    counted_bpb REAL,
    undetected_bpb REAL,
    baseline_bpb REAL,
    charged_bpb REAL,
    policy_version INTEGER,
    is_completed INTEGER NOT NULL DEFAULT 0,
    is_held INTEGER NOT NULL DEFAULT 0,
    is_voided INTEGER NOT NULL DEFAULT 0
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX ${name(table)}_counting ON ${name(table)}
    (device_class, epoch, hotkey, quanta DESC, received_at, submission_id)
    WHERE is_completed = 1 AND is_held = 0 AND is_voided = 0;`;
}

function prepareFold(db: ProjectionDatabase, name: TableNames): Fold {
  const write = writers(db, name);
  return (projected) => {
    const event = submissionEventOf(projected);
    if (event !== null) foldScore(event, submissionIdOf(projected.stream), write);
  };
}

type Writers = ReturnType<typeof writers>;

function writers(db: ProjectionDatabase, name: TableNames) {
  const insert = db.prepare(
    `INSERT INTO ${name(table)} (submission_id, hotkey, epoch, received_at) VALUES (?, ?, ?, ?)`,
  );
  const score = db.prepare(
    `UPDATE ${name(table)} SET quanta = @quanta, bits_per_byte = @bitsPerByte, standard_error_bpb = @standardErrorBpb,
       blind_bpb = @blindBpb, blind_standard_error_bpb = @blindStandardErrorBpb, confirmation = @confirmation,
       counted_bpb = @countedBpb, undetected_bpb = @undetectedBpb, baseline_bpb = @baselineBpb,
       charged_bpb = @chargedBpb, policy_version = @policyVersion
     WHERE submission_id = @id`,
  );
  const complete = db.prepare(`UPDATE ${name(table)} SET is_completed = 1, device_class = ? WHERE submission_id = ?`);
  const hold = db.prepare(`UPDATE ${name(table)} SET is_held = ? WHERE submission_id = ?`);
  const doVoid = db.prepare(`UPDATE ${name(table)} SET is_voided = 1 WHERE submission_id = ?`);
  const remove = db.prepare(`DELETE FROM ${name(table)} WHERE submission_id = ?`);
  return {
    receive({ submissionId, hotkey, epoch, receivedAt }: SubmissionEventData<'SubmissionReceived'>): void {
      insert.run(submissionId, hotkey, epoch, receivedAt);
    },
    score(id: string, { score: parts, policyVersion }: SubmissionEventData<'ScoreComputed'>): void {
      const { implausible: _, ...numbers } = parts;
      score.run({ ...numbers, quanta: quantise(parts.finalScore), policyVersion, id });
    },
    complete: (id: string, deviceClass: string) => void complete.run(deviceClass, id),
    hold: (id: string, isHeld: boolean) => void hold.run(isHeld ? 1 : 0, id),
    void: (id: string) => void doVoid.run(id),
    remove: (id: string) => void remove.run(id),
  };
}

function foldScore(event: SubmissionEvent, id: string, write: Writers): void {
  switch (event.type) {
    case 'SubmissionReceived':
      write.receive(event.data);
      break;
    case 'ScoreComputed':
    case 'ScoreRecomputed':
      write.score(id, event.data);
      break;
    case 'SubmissionCompleted':
      write.complete(id, event.data.deviceClass);
      break;
    case 'SubmissionHeld':
      write.hold(id, true);
      break;
    case 'HoldExpired':
      write.hold(id, false);
      break;
    case 'HoldResolved':
      // A refused one stays out until its rejection, the next event, takes it away.
      write.hold(id, event.data.resolution === 'reject');
      break;
    case 'ScoreVoided':
      write.void(id);
      break;
    case 'SubmissionFailed':
    case 'SubmissionRejected':
      write.remove(id);
      break;
    default:
      break;
  }
}

export const scoresProjection: Projection = {
  name: table,
  schema: 2,
  streams: [submissionStreamPrefix],
  tables: [table],
  createSql,
  prepareFold,
};

/** Which scores are compared: of one device class, and of one epoch or (null) of all. */
export type Board = { readonly deviceClass: 'cpu' | 'gpu'; readonly epoch: number | null };

export type BoardEntry = {
  /** From 1, over the whole board. */
  readonly rank: number;
  readonly submissionId: string;
  readonly hotkey: string;
  readonly epoch: number;
  /** The quantised final score. */
  readonly score: number;
  readonly receivedAt: string;
  readonly policyVersion: number;
} & Pick<
  Score,
  | 'bitsPerByte'
  | 'standardErrorBpb'
  | 'blindBpb'
  | 'blindStandardErrorBpb'
  | 'confirmation'
  | 'countedBpb'
  | 'undetectedBpb'
  | 'baselineBpb'
  | 'chargedBpb'
>;

/** The row that a page goes on behind. */
export type BoardPlace = { readonly score: number; readonly receivedAt: string; readonly submissionId: string };

export type Weights = {
  readonly weights: Readonly<Record<string, number>>;
  /** Log position up to which they are computed. */
  readonly asOfPosition: number;
};

export type ScoreQueries = {
  /** The best row of every hotkey, in order, after a place or from the top. */
  leaderboard(
    board: Board,
    after: BoardPlace | null,
    limit: number,
  ): { readonly entries: readonly BoardEntry[]; readonly asOfPosition: number };
  /** What a score that is about to be published would stand beside. */
  readonly standings: ReadStandings;
  /** Rule `best_per_hotkey`: every hotkey's best score on the board, normalised to sum 1; empty without scores. */
  weights(board: Board): Weights;
};

type EntryRow = Omit<BoardEntry, 'score'> & { readonly quanta: number };

type BoardParameters = {
  readonly deviceClass: string;
  readonly epoch: number | null;
  readonly quanta: number | null;
  readonly receivedAt: string | null;
  readonly submissionId: string | null;
  readonly limit: number;
};

const order = 'quanta DESC, received_at, submission_id';

function boardSql(name: TableNames): string {
  return `
  WITH counting AS (
    SELECT *, row_number() OVER (PARTITION BY hotkey ORDER BY ${order}) AS place_of_hotkey
    FROM ${name(table)}
    WHERE is_completed = 1 AND is_held = 0 AND is_voided = 0 AND device_class = @deviceClass
      AND (@epoch IS NULL OR epoch = @epoch)
  ), ranked AS (
    SELECT *, row_number() OVER (ORDER BY ${order}) AS rank FROM counting WHERE place_of_hotkey = 1
  )
  SELECT rank, submission_id AS submissionId, hotkey, epoch, quanta, received_at AS receivedAt,
    bits_per_byte AS bitsPerByte, standard_error_bpb AS standardErrorBpb, blind_bpb AS blindBpb,
    blind_standard_error_bpb AS blindStandardErrorBpb, confirmation, counted_bpb AS countedBpb,
    undetected_bpb AS undetectedBpb, baseline_bpb AS baselineBpb, charged_bpb AS chargedBpb,
    policy_version AS policyVersion
  FROM ranked
  WHERE @quanta IS NULL OR (-quanta, received_at, submission_id) > (-@quanta, @receivedAt, @submissionId)
  ORDER BY rank LIMIT @limit`;
}

/** The best counting score of a device class, of everybody or (epoch and hotkey given) of one hotkey in one epoch. */
function bestSql(name: TableNames): string {
  return `
  SELECT max(quanta) AS quanta FROM ${name(table)}
  WHERE is_completed = 1 AND is_held = 0 AND is_voided = 0 AND device_class = @deviceClass
    AND (@hotkey IS NULL OR (epoch = @epoch AND hotkey = @hotkey))`;
}

type BestParameters = {
  readonly deviceClass: string;
  readonly epoch: number | null;
  readonly hotkey: string | null;
};

export function scoreQueries(db: ProjectionDatabase): ScoreQueries {
  const read = liveReader(db, scoresProjection, (name) => ({
    board: db.prepare<[BoardParameters], EntryRow>(boardSql(name)),
    best: db.prepare<[BestParameters], { quanta: number | null }>(bestSql(name)),
  }));

  function page(board: Board, after: BoardPlace | null, limit: number) {
    return read(({ board: statement }, asOfPosition) => {
      const place = after === null ? topOfBoard : { ...after, quanta: quantise(after.score) };
      const { quanta, receivedAt, submissionId } = place;
      const rows = statement.all({ ...board, quanta, receivedAt, submissionId, limit });
      return { entries: rows.map(toEntry), asOfPosition };
    });
  }

  return {
    leaderboard: page,
    standings: ({ deviceClass, epoch, hotkey }) =>
      read(({ best }, asOfPosition) => {
        const scoreOf = (of: Pick<BestParameters, 'epoch' | 'hotkey'>) => {
          const quanta = best.get({ deviceClass, ...of })?.quanta ?? null;
          return quanta === null ? null : unquantise(quanta);
        };
        const champion = scoreOf({ epoch: null, hotkey: null });
        return { champion, ofHotkey: scoreOf({ epoch, hotkey }), asOfPosition };
      }),
    weights(board) {
      const { entries, asOfPosition } = page(board, null, -1);
      const payable = entries.map(({ hotkey, score }) => ({ hotkey, finalScore: score }));
      return { weights: normaliseWeights(payable), asOfPosition };
    },
  };
}

const topOfBoard = { quanta: null, receivedAt: null, submissionId: null };

function toEntry({ quanta, ...entry }: EntryRow): BoardEntry {
  return { ...entry, score: unquantise(quanta) };
}

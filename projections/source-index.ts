import type { IndexedWork, LookUp, SourceIndex } from '../domain/ports/source-index.ts';
import { type Sketch, submissionStreamPrefix } from '../domain/submission/events.ts';
import { liveReader } from './live-reader.ts';
import type { Fold, Projection, TableNames } from './projection.ts';
import type { ProjectionDatabase } from './projection-database.ts';
import { sharingWorks, worthComparing } from './sharing-works.ts';
import { submissionEventOf, submissionIdOf } from './submission-event.ts';

/**
 * Which works have which keys: one row a work that isn't rejected, and one a key of its sketch. Works are numbered by the position of their receipt, so
 * that of any key the earliest works come first.
 */
const works = 'source_index';
const keys = 'source_index_keys';

/** Of a key or a behaviour that very many works have, the earliest are looked at: it tells little of any of them. */
const worksOfKey = 32;
const worksOfBehaviour = 8;

function createSql(name: TableNames): string {
  return `
  CREATE TABLE ${name(works)} (
    received_position INTEGER PRIMARY KEY,
    submission_id TEXT NOT NULL UNIQUE,
    hotkey TEXT NOT NULL,
    kind TEXT,
    architecture_fingerprint TEXT,
    training_fingerprint TEXT,
    behaviour TEXT,
    sketch_version TEXT,
    shingles TEXT,
    keys TEXT
  ) STRICT;
  CREATE INDEX ${name(works)}_by_behaviour ON ${name(works)} (behaviour, received_position) WHERE behaviour IS NOT NULL;
  CREATE TABLE ${name(keys)} (
    key INTEGER NOT NULL,
    received_position INTEGER NOT NULL,
    PRIMARY KEY (key, received_position)
  ) STRICT, WITHOUT ROWID;`;
}

function prepareFold(db: ProjectionDatabase, name: TableNames): Fold {
  const insert = db.prepare(`INSERT INTO ${name(works)} (received_position, submission_id, hotkey) VALUES (?, ?, ?)`);
  const resolve = db.prepare(
    `UPDATE ${name(works)} SET kind = ?, architecture_fingerprint = ?, training_fingerprint = ? WHERE submission_id = ?`,
  );
  const behave = db.prepare(`UPDATE ${name(works)} SET behaviour = ? WHERE submission_id = ?`);
  const sketched = db.prepare<[string], { position: number; keys: string | null }>(
    `SELECT received_position AS position, keys FROM ${name(works)} WHERE submission_id = ?`,
  );
  const sketch = db.prepare(
    `UPDATE ${name(works)} SET sketch_version = ?, shingles = ?, keys = ? WHERE received_position = ?`,
  );
  const remove = db.prepare(`DELETE FROM ${name(works)} WHERE received_position = ?`);
  // A statement run for each of a sketch's keys takes longer than one that reads them from a text.
  const insertKeys = db.prepare(
    `INSERT OR IGNORE INTO ${name(keys)} (key, received_position) SELECT value, ? FROM json_each(?)`,
  );
  const removeKeys = db.prepare(
    `DELETE FROM ${name(keys)} WHERE received_position = ? AND key IN (SELECT value FROM json_each(?))`,
  );

  function takeOut(id: string): number | null {
    const row = sketched.get(id);
    if (row === undefined) return null;
    if (row.keys !== null) removeKeys.run(row.position, jsonKeys(row.keys));
    return row.position;
  }

  function putIn(id: string, { sketchVersion, shingles, keys: listed }: Sketch): void {
    const position = takeOut(id);
    if (position === null) return;
    sketch.run(sketchVersion, shingles.sha256, listed.join(' '), position);
    insertKeys.run(position, jsonKeys(listed.join(' ')));
  }

  return (projected) => {
    const event = submissionEventOf(projected);
    const id = submissionIdOf(projected.stream);
    switch (event?.type) {
      case 'SubmissionReceived':
        insert.run(projected.position, id, event.data.hotkey);
        break;
      case 'ContractResolved': {
        const { kind, architecture, training } = event.data.contract;
        resolve.run(kind, architecture.fingerprint, training.fingerprint, id);
        break;
      }
      case 'GatePassed':
        if (event.data.behaviour !== null) behave.run(event.data.behaviour, id);
        break;
      case 'SourceSketched':
        putIn(id, event.data);
        break;
      case 'SubmissionRejected': {
        const position = takeOut(id);
        if (position !== null) remove.run(position);
      }
    }
  };
}

/** 48 bits: exact as a number, and as an integer of SQLite's. */
function parsedKeys(listed: string | null): readonly number[] {
  return listed === null || listed === '' ? [] : listed.split(' ').map((key) => Number.parseInt(key, 16));
}

function jsonKeys(listed: string | null): string {
  return JSON.stringify(parsedKeys(listed));
}

export const sourceIndexProjection: Projection = {
  name: works,
  schema: 2,
  streams: [submissionStreamPrefix],
  tables: [works, keys],
  createSql,
  prepareFold,
};

export function sourceIndex(db: ProjectionDatabase): SourceIndex {
  const read = liveReader(db, sourceIndexProjection, (name) => {
    const columns = `submission_id AS submissionId, hotkey, received_position AS receivedPosition, kind,
      architecture_fingerprint AS architectureFingerprint, training_fingerprint AS trainingFingerprint,
      behaviour, sketch_version AS sketchVersion, shingles`;
    const isWhole = 'kind IS NOT NULL AND sketch_version IS NOT NULL';
    // A limit that is bound makes SQLite plan the query anew for every key.
    return {
      own: db.prepare<[string], IndexedWork & { readonly keys: string | null }>(
        `SELECT ${columns}, keys FROM ${name(works)} WHERE submission_id = ? AND ${isWhole}`,
      ),
      at: db.prepare<[number], IndexedWork>(
        `SELECT ${columns} FROM ${name(works)} WHERE received_position = ? AND ${isWhole}`,
      ),
      hotkeyAt: db.prepare<[number], string>(`SELECT hotkey FROM ${name(works)} WHERE received_position = ?`).pluck(),
      shared: db
        .prepare<[string, number], number>(
          `SELECT value FROM json_each(?)
           WHERE EXISTS (SELECT 1 FROM ${name(keys)} WHERE key = value AND received_position <> ?)`,
        )
        .pluck(),
      withKey: db
        .prepare<[number], number>(
          `SELECT received_position FROM ${name(keys)} WHERE key = ? ORDER BY received_position LIMIT ${worksOfKey}`,
        )
        .pluck(),
      behaving: db
        .prepare<[string, number], number>(
          `SELECT received_position FROM ${name(works)} WHERE behaviour = ? AND received_position <> ? AND ${isWhole}
           ORDER BY received_position LIMIT ${worksOfBehaviour}`,
        )
        .pluck(),
    };
  });
  return {
    lookUp: (submissionId, limit) =>
      read(({ own, at, hotkeyAt, shared, withKey, behaving }, asOfPosition): LookUp => {
        const row = own.get(submissionId);
        if (row === undefined) return { asOfPosition, own: null, others: [] };
        const { keys: listed, ...asking } = row;
        const asked = parsedKeys(listed);
        const { behaviour, hotkey, receivedPosition } = asking;
        const sharing = sharingWorks(receivedPosition, shared.all(JSON.stringify(asked), receivedPosition), {
          withKey: (key) => withKey.all(key),
          isOwn: (position) => hotkeyAt.get(position) === hotkey,
        });
        const alike = behaviour === null ? [] : behaving.all(behaviour, receivedPosition);
        const positions = new Set([...worthComparing(receivedPosition, sharing, limit), ...alike]);
        const others = [...positions].flatMap((position) => at.get(position) ?? []);
        return { asOfPosition, own: { ...asking, keys: asked.length }, others };
      }),
  };
}

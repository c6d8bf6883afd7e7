import type Database from 'better-sqlite3';

/**
 * The file of the read models: disposable, rebuilt from the log at any time, so it isn't synced at every commit
 * (`synchronous=NORMAL`): a power cut may take the newest commits, and the projector folds them again.
 */
export type ProjectionDatabase = Database.Database;

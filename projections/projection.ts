import type { RecordedEvent } from '../domain/event.ts';
import type { DomainEvent } from '../domain/event-catalog.ts';
import type { ProjectionDatabase } from './projection-database.ts';

/** An event as the folds see it: parsed, with its place and time. */
export type ProjectedEvent = {
  readonly event: DomainEvent;
  readonly stream: string;
  readonly position: number;
  readonly recordedAt: string;
};

/** Applies one event to the tables. A throw means that the event can't be folded, and stops this projection alone. */
export type Fold = (projected: ProjectedEvent) => void;

/** Gives a table of a projection the name it has in one version. */
export type TableNames = (table: string) => string;

/**
 * A read model: its tables and the fold that feeds them. Versions of it live side by side, each with tables of its own
 * (`scores_v3`); readers are told by one row which version is live.
 */
export type Projection = {
  readonly name: string;
  /** Rises when tables or fold change: a live version made by an older program is then rebuilt at the start. */
  readonly schema: number;
  /** The streams whose events it folds, by prefix. */
  readonly streams: readonly string[];
  readonly tables: readonly string[];
  createSql(table: TableNames): string;
  prepareFold(db: ProjectionDatabase, table: TableNames): Fold;
};

export function tableNames(version: number): TableNames {
  return (table) => `${table}_v${version}`;
}

/** Parses a page once for all projections that fold it. */
export type PageEvent = { readonly recorded: RecordedEvent; parse(): ProjectedEvent };

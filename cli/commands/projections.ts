import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { type Config, executorReadModelsPath, readModelsPath, storageLocation } from '../../config.ts';
import { commandHandler } from '../../domain/handle-command.ts';
import { operatorStream } from '../../domain/operator/events.ts';
import { operatorAggregate } from '../../domain/operator/operator-aggregate.ts';
import { isRejection } from '../../domain/rejection.ts';
import { findProjection, projections } from '../../projections/catalog.ts';
import { openProjectionDatabase } from '../../projections/database.ts';
import type { Projection } from '../../projections/projection.ts';
import type { ProjectionDatabase } from '../../projections/projection-database.ts';
import { type ProjectionStatus, projectionStatuses } from '../../projections/projection-status.ts';
import { openStorage, type Storage } from '../../storage/open-storage.ts';
import { CommandError, exitCodes } from '../exit-codes.ts';
import { type Output, table } from '../output.ts';

type ReadModels = { readonly storage: Storage; readonly db: ProjectionDatabase };

/** The read models of the data folder, beside a running service or without one. */
async function withReadModels<Result>(
  config: Config,
  { readOnly }: { readonly readOnly: boolean },
  work: (parts: ReadModels) => Promise<Result>,
): Promise<Result> {
  const path = expectReadModels(config);
  const storage = await openStorage({ ...storageLocation(config), readOnly });
  try {
    const db = openProjectionDatabase(path);
    try {
      return await work({ storage, db });
    } finally {
      db.close();
    }
  } finally {
    await storage.close();
  }
}

export function listProjections(config: Config, output: Output): Promise<number> {
  return withReadModels(config, { readOnly: true }, async (parts) => {
    const statuses = await statusesOf(parts);
    output.result({ projections: statuses }, () =>
      table(
        ['projection', 'version', 'schema', 'state', 'position', 'lag', 'poison'],
        statuses.map(({ name, version, schema, state, position, lag, poison }) => [
          ...[name, version, schema, state, position, lag],
          poison === null ? null : `event ${poison.eventId}: ${poison.error}`,
        ]),
      ),
    );
    return statuses.some(({ state }) => state === 'poisoned') ? exitCodes.negative : exitCodes.ok;
  });
}

async function statusesOf({ storage, db }: ReadModels): Promise<readonly ProjectionStatus[]> {
  return projectionStatuses(db, projections)(await storage.log.head());
}

/** Lets a projection go on without the event that it has stopped at: an event of the log, with the operator's name and reason. */
export function skipProjectionEvent(
  config: Config,
  skip: { readonly projection: string; readonly eventId: string; readonly operator: string; readonly reason: string },
  output: Output,
): Promise<number> {
  const { name } = expectProjection(skip.projection);
  return withReadModels(config, { readOnly: false }, async (parts) => {
    const statuses = await statusesOf(parts);
    const poisonIds = statuses.flatMap((status) => (status.name === name ? (status.poison?.eventId ?? []) : []));
    const handled = await commandHandler(parts.storage.log, operatorAggregate).handle(
      operatorStream,
      { kind: 'SkipProjectionEvent', skip, poisonIds },
      { causeId: randomUUID(), correlationId: operatorStream, at: new Date().toISOString() },
    );
    if (isRejection(handled)) throw new CommandError(exitCodes.refused, handled.detail, { reason: handled.reason });
    const isNew = handled.events.length > 0;
    output.result({ skipped: skip.eventId, projection: name, isNew, position: handled.position }, () =>
      isNew ? `${name} goes on without event ${skip.eventId}` : `event ${skip.eventId} was skipped already`,
    );
    return exitCodes.ok;
  });
}

/** The read models' file that a service, or an executor by itself, has made in the data folder. Looking creates nothing. */
export function expectReadModels(config: Config): string {
  const found = [readModelsPath(config), executorReadModelsPath(config)].find((path) => existsSync(path));
  if (found !== undefined) return found;
  throw new CommandError(
    exitCodes.usage,
    `There are no read models in ${config.dataDir}: no service has run there yet.`,
  );
}

export function expectProjection(name: string): Projection {
  const found = findProjection(name);
  if (found !== undefined) return found;
  const known = projections.map((projection) => projection.name).join(', ');
  throw new CommandError(exitCodes.usage, `There is no projection ${name}; there are ${known}.`);
}

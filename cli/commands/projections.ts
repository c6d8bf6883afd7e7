import { join } from 'node:path';
import type { Config } from '../../config.ts';
import { findProjection, projections } from '../../projections/catalog.ts';
import { openProjectionDatabase } from '../../projections/database.ts';
import { projectionStatuses } from '../../projections/projection-status.ts';
import { rebuild } from '../../projections/rebuild.ts';
import { openStorage } from '../../storage/open-storage.ts';
import { CommandError, exitCodes } from '../exit-codes.ts';
import { type Output, table } from '../output.ts';

/** The read models of the data folder, beside a running service or without one. */
async function withReadModels<Result>(
  config: Config,
  work: (parts: {
    readonly storage: Awaited<ReturnType<typeof openStorage>>;
    readonly db: ReturnType<typeof openProjectionDatabase>;
  }) => Promise<Result>,
): Promise<Result> {
  const storage = await openStorage({ url: config.logUrl, readOnly: true });
  try {
    const db = openProjectionDatabase(join(config.dataDir, 'read-models.sqlite'));
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
  return withReadModels(config, async ({ storage, db }) => {
    const statuses = projectionStatuses(db, projections)(await storage.log.head());
    output.result({ projections: statuses }, () =>
      table(
        ['projection', 'version', 'state', 'position', 'lag', 'poison'],
        statuses.map(({ name, version, state, position, lag, poison }) => [
          name,
          version,
          state,
          position,
          lag,
          poison === null ? null : `event ${poison.eventId}: ${poison.error}`,
        ]),
      ),
    );
    return statuses.some(({ state }) => state === 'poisoned') ? exitCodes.negative : exitCodes.ok;
  });
}

/** Builds new versions beside the live ones and swaps them in once they have caught up. Interrupted, it changes nothing. */
export function rebuildProjections(config: Config, names: readonly string[], output: Output): Promise<number> {
  const chosen = names.length === 0 ? projections : names.map(expectProjection);
  return withReadModels(config, async ({ storage, db }) => {
    const head = await storage.log.head();
    const started = performance.now();
    let events = 0;
    await rebuild({
      db,
      log: storage.log,
      projections: chosen,
      onProgress: (progress) => {
        events = progress.events;
        output.note(`${progress.events} events, position ${progress.position} of ${head}`);
      },
    });
    const seconds = (performance.now() - started) / 1_000;
    const rebuilt = chosen.map(({ name }) => name);
    output.result({ rebuilt, events, seconds }, () => `rebuilt ${rebuilt.join(', ')} in ${seconds.toFixed(1)} s`);
    return exitCodes.ok;
  });
}

function expectProjection(name: string) {
  const found = findProjection(name);
  if (found !== undefined) return found;
  const known = projections.map((projection) => projection.name).join(', ');
  throw new CommandError(exitCodes.usage, `There is no projection ${name}; there are ${known}.`);
}

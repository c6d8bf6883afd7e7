import type { Logger } from 'pino';
import { type Config, storageLocation } from './config.ts';
import { startApi } from './service/api.ts';
import { type Opened, openCore } from './service/core.ts';
import { buildReadModels } from './service/projection-tasks.ts';
import { type Runtime, startWork } from './service/work.ts';

export type Service = {
  /** Where the API answers; null where this process has none. */
  readonly url: string | null;
  /** Removes running containers (their attempts run again at the next start), stops taking requests, and closes everything. */
  close(): Promise<void>;
};

export type Roles = {
  /** Answers HTTP. */
  readonly api: boolean;
  /** Null: this process never talks to a container engine, and gates and attempts wait for a `prism executor`. */
  readonly runtime: Runtime | null;
};

/**
 * Builds a service out of its parts and starts it. Whatever was opened is closed again when a part fails to start, or when `signal`
 * aborts the start. The API answers while read models are still being built; the service is returned once they are there.
 */
export async function startService(
  config: Config,
  roles: Roles,
  logger: Logger,
  signal?: AbortSignal,
): Promise<Service> {
  const opened: Opened = [];
  const closeAll = async () => {
    for (const close of opened.splice(0).reverse()) await close();
  };
  try {
    const core = await openCore(config, roles.api, logger, opened);
    const url = roles.api ? await startApi(config, core, logger, opened) : null;
    const { metered, readModels, readModelsPath: path } = core;
    await buildReadModels({ db: readModels, path, log: metered.log, storage: storageLocation(config), logger, signal });
    if (roles.runtime !== null) await startWork(config, roles.runtime, core, logger, opened);
    return { url, close: closeAll };
  } catch (error) {
    await closeAll();
    throw error;
  }
}

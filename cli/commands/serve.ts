import { once } from 'node:events';
import type { Logger } from 'pino';
import type { Config } from '../../config.ts';
import { startService } from '../../main.ts';
import { shownUrl } from '../../storage/storage-url.ts';
import { CommandError, exitCodes } from '../exit-codes.ts';
import type { Output } from '../output.ts';
import { prepareRuntime, releaseRuntime } from '../runtime.ts';

/** Runs a service until SIGINT or SIGTERM; a second signal is left to the system. */
export async function serve(
  config: Config,
  roles: { readonly api: boolean; readonly work: boolean },
  logger: Logger,
  output: Output,
): Promise<number> {
  if (!roles.api && !roles.work)
    throw new CommandError(exitCodes.usage, 'PRISM_EXECUTOR=off leaves an executor nothing to do.');
  if (roles.api && config.sharedToken === null) {
    output.note('No shared token is set (PRISM_SHARED_TOKEN): the internal routes answer 503.');
  }
  const stopping = new AbortController();
  const stopped = Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')]).then(() => stopping.abort());
  const runtime = roles.work ? await prepareRuntime(config) : null;
  try {
    const service = await startService(config, { api: roles.api, runtime }, logger, stopping.signal);
    const { url } = service;
    output.result({ event: 'started', url, dataDir: config.dataDir }, () =>
      url === null ? `executor ${config.executorName} follows ${shownUrl(config.logUrl)}` : `PRISM answers at ${url}`,
    );
    await stopped;
    output.note('stopping: running attempts are removed and run again at the next start');
    await service.close();
  } catch (error) {
    // Told to stop before everything was there: what was begun is undone.
    if (!stopping.signal.aborted || error !== stopping.signal.reason) throw error;
  } finally {
    if (roles.work) await releaseRuntime();
  }
  return exitCodes.ok;
}

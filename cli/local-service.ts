import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { join } from 'node:path';
import { pino } from 'pino';
import type { Config } from '../config.ts';
import { startService } from '../main.ts';
import { CommandError, exitCodes } from './exit-codes.ts';
import { prepareRuntime, releaseRuntime } from './runtime.ts';
import { type ServiceClient, serviceClient } from './service-client.ts';

/**
 * A service for one command: on loopback, at a port and with a token that nobody else knows, on the public corpus. It works in `dataDir`,
 * which is there, and leaves nothing running, whatever ends it; a signal ends it with `interrupted`.
 */
export async function withLocalService<T>(
  config: Config,
  use: (client: ServiceClient, config: Config) => Promise<T>,
): Promise<T> {
  const own = { ...config, ...{ host: '127.0.0.1', port: 0, executor: true }, seasonSecret: null };
  const local: Config = { ...own, sharedToken: randomBytes(16).toString('hex') };
  const interrupted = interruption();
  try {
    const runtime = await Promise.race([prepareRuntime(local), interrupted]);
    const service = await startService(local, { api: true, runtime }, serviceLogger(local));
    try {
      return await Promise.race([use(serviceClient(service.url ?? '', local.sharedToken), local), interrupted]);
    } finally {
      await service.close();
    }
  } finally {
    await releaseRuntime();
  }
}

/** Rejects when somebody asks the process to stop, so that what was started is stopped on the way out. */
function interruption(): Promise<never> {
  const signalled = Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')]).then(() => {
    throw new CommandError(exitCodes.interrupted, 'interrupted; nothing is left running');
  });
  signalled.catch(() => {});
  return signalled;
}

/** What the service says of itself goes beside its data: the command's own lines are for people. */
function serviceLogger({ dataDir }: Config) {
  return pino({ name: 'prism', level: 'info' }, pino.destination({ dest: join(dataDir, 'service.log'), sync: true }));
}

import { join, resolve } from 'node:path';
import { type Config, storageLocation } from '../../config.ts';
import { type Backup, backup, FolderInUseError } from '../../storage/backup.ts';
import { openStorage } from '../../storage/open-storage.ts';
import { DamagedBackupError, restore } from '../../storage/restore.ts';
import { CommandError, exitCodes } from '../exit-codes.ts';
import type { Output } from '../output.ts';
import { everySecond } from '../progress.ts';

/** Copies log and blobs into an empty folder, beside a running service or without one. */
export async function backUp(config: Config, folder: string, output: Output): Promise<number> {
  const target = resolve(folder);
  const storage = await openStorage({ ...storageLocation(config), readOnly: true });
  const say = everySecond(output.note);
  try {
    const made = await backup({
      logPath: join(logFolder(config), 'events.sqlite'),
      blobs: storage.blobs,
      folder: target,
      onProgress: (events, head) => say(`position ${head}: ${events} events checked, blobs copied`),
    }).catch(asCommandError);
    for (const sha256 of made.missingBlobs) output.note(`blob ${sha256} is named by an event and is nowhere`);
    output.result({ folder: target, ...made }, () => `backed up ${described(made)} into ${target}`);
    return made.missingBlobs.length === 0 ? exitCodes.ok : exitCodes.negative;
  } finally {
    await storage.close();
  }
}

/** Makes a data folder of a backup. Refuses one that holds anything. */
export async function putBack(config: Config, folder: string, output: Output): Promise<number> {
  const dataDir = logFolder(config);
  const say = everySecond(output.note);
  const made = await restore({
    folder: resolve(folder),
    dataDir,
    onProgress: (events, { events: all }) => say(`${events} of ${all} events verified`),
  }).catch(asCommandError);
  output.result({ dataDir, ...made }, () => `restored ${described(made)} into ${dataDir}`);
  return exitCodes.ok;
}

function described({ events, head, largeBlobs, largeBlobBytes }: Backup): string {
  return `${events} events up to position ${head}, and ${largeBlobs} large blobs of ${largeBlobBytes} bytes,`;
}

function logFolder({ logUrl }: Config): string {
  const folder = /^sqlite:(.+)$/.exec(logUrl)?.[1];
  if (folder !== undefined) return resolve(folder);
  throw new CommandError(
    exitCodes.usage,
    'Backups are of logs in a data folder; of another, use `prism log export` or its own means.',
  );
}

function asCommandError(error: unknown): never {
  if (error instanceof FolderInUseError) throw new CommandError(exitCodes.usage, `${error.message}.`);
  if (error instanceof DamagedBackupError) throw new CommandError(exitCodes.negative, `${error.message}.`);
  throw error;
}

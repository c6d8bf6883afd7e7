import { createWriteStream } from 'node:fs';
import { open, rename } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { pipeline } from 'node:stream/promises';
import { type Config, storageLocation } from '../../config.ts';
import type { ExportEnd } from '../../storage/export-format.ts';
import { exportLog } from '../../storage/export-log.ts';
import { DamagedExportError, DivergedLogError, importLog } from '../../storage/import-log.ts';
import { openStorage } from '../../storage/open-storage.ts';
import { CommandError, exitCodes } from '../exit-codes.ts';
import type { Output } from '../output.ts';
import { everySecond } from '../progress.ts';

/** Instead of a file: standard input or output. */
const standard = '-';

/** Writes the log as JSON lines: every event's bytes as they are stored, with their digest, and the blobs that they name. */
export async function exportTo(
  config: Config,
  file: string,
  options: { readonly blobs: boolean },
  output: Output,
): Promise<number> {
  const storage = await openStorage({ ...storageLocation(config), readOnly: true });
  const say = everySecond(output.note);
  const missing: string[] = [];
  const ends: ExportEnd[] = [];
  async function* lines(): AsyncGenerator<string, void, undefined> {
    const exported = exportLog({
      log: storage.log,
      blobs: options.blobs ? storage.blobs : null,
      onProgress: (position, head) => say(`position ${position} of ${head}`),
      onMissingBlob: (sha256) => void missing.push(sha256),
    });
    for await (const line of exported) {
      if (line.kind === 'end') ends.push(line);
      yield `${JSON.stringify(line)}\n`;
    }
  }
  try {
    await (file === standard ? pipeline(lines, process.stdout, { end: false }) : writeWhole(file, lines));
  } finally {
    await storage.close();
  }
  for (const sha256 of missing) output.note(`blob ${sha256} is named by an event and is nowhere`);
  for (const end of ends) {
    if (file === standard) output.note(`exported ${described(end)}`);
    else output.result({ file, ...resultOf(end) }, () => `exported ${described(end)} to ${file}`);
  }
  return missing.length === 0 ? exitCodes.ok : exitCodes.negative;
}

/** Appends an exported log's events, byte for byte, to a log that holds nothing else, or a part of them. */
export async function importFrom(config: Config, file: string, output: Output): Promise<number> {
  const input = file === standard ? process.stdin : await openForReading(file);
  const storage = await openStorage(storageLocation(config));
  const say = everySecond(output.note);
  try {
    const end = await importLog({
      lines: createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY }),
      log: storage.log,
      blobs: storage.blobs,
      atOnce: config.logUrl.startsWith('sqlite:') ? appendsAtOnce : 1,
      onProgress: (events) => say(`${events} events`),
    }).catch(asCommandError);
    output.result(resultOf(end), () => `imported ${described(end)}`);
    return exitCodes.ok;
  } finally {
    await storage.close();
  }
}

/** The SQLite log gives places in the order in which it is asked, and shares an fsync among so many. */
const appendsAtOnce = 256;

function resultOf({ events, blobs, digest }: ExportEnd): object {
  return { events, blobs, digest };
}

function described({ events, blobs, digest }: ExportEnd): string {
  return `${events} events (digest ${digest}) and ${blobs} blobs`;
}

/** Until the file is whole and durable there is none of its name. */
async function writeWhole(path: string, lines: () => AsyncGenerator<string, void, undefined>): Promise<void> {
  const partial = `${path}.partial`;
  await pipeline(lines, createWriteStream(partial, { mode: 0o600, flush: true }));
  await rename(partial, path);
}

async function openForReading(path: string) {
  const file = await open(path).catch((cause: unknown) => {
    throw Object.assign(new CommandError(exitCodes.usage, `${path} can't be read.`), { cause });
  });
  return file.createReadStream();
}

function asCommandError(error: unknown): never {
  if (error instanceof DamagedExportError || error instanceof DivergedLogError) {
    throw Object.assign(new CommandError(exitCodes.negative, `${error.message}.`), { cause: error });
  }
  throw error;
}

import { readFile, stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { packDirectory } from '../gates/pack.ts';
import { CommandError, exitCodes } from './exit-codes.ts';

/**
 * The archive to hand in: a zip as it is, whatever is in it (judging is the service's affair), a folder packed.
 * Throws `CommandError` for what can't be read or packed.
 */
export async function readBundle(path: string): Promise<Uint8Array> {
  try {
    return (await stat(path)).isDirectory() ? await packed(path) : await readFile(path);
  } catch (cause) {
    if (cause instanceof CommandError) throw cause;
    throw Object.assign(new CommandError(exitCodes.usage, `${path} can't be read.`), { cause });
  }
}

async function packed(path: string): Promise<Uint8Array> {
  const result = await packDirectory(resolve(path));
  if (result.kind === 'packed') return result.archive;
  const place = result.entry === null ? '' : ` (${result.entry})`;
  throw new CommandError(exitCodes.usage, `${result.rule}${place}: ${result.detail}`, result);
}

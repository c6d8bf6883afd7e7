import { randomBytes } from 'node:crypto';
import { link, open, readFile, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { makeDurableFolder, syncFolder } from './durable-folder.ts';

/** A file that should hold a secret and holds something else. */
export class NoSecretError extends Error {
  override readonly name = 'NoSecretError';
}

const secretBytes = 32;

/**
 * The secret that a file holds, 64 lower-case hexadecimal digits; where there is no file yet, it is made of the operating system's randomness,
 * for its owner's eyes only, and durable before it is returned. Of several processes that start at once, all get the same.
 */
export async function ensureSecretFile(path: string): Promise<Uint8Array> {
  return (await readSecretFile(path)) ?? (await makeSecretFile(path));
}

async function readSecretFile(path: string): Promise<Uint8Array | null> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    if (isCode(error, 'ENOENT')) return null;
    throw error;
  });
  if (text === null) return null;
  if (!/^[0-9a-f]{64}\n?$/.test(text)) throw new NoSecretError(`${path} holds no 64 lower-case hexadecimal digits`);
  return Buffer.from(text.trim(), 'hex');
}

/** Written whole under another name first; a link, unlike a rename, leaves alone what somebody else has put there. */
async function makeSecretFile(path: string): Promise<Uint8Array> {
  await makeDurableFolder(dirname(path));
  const unfinished = `${path}.${process.pid}.${randomBytes(4).toString('hex')}`;
  const file = await open(unfinished, 'wx', 0o600);
  try {
    await file.writeFile(`${randomBytes(secretBytes).toString('hex')}\n`);
    await file.sync();
    await file.close();
    await link(unfinished, path).catch((error: unknown) => {
      if (!isCode(error, 'EEXIST')) throw error;
    });
  } finally {
    await file.close();
    await rm(unfinished);
  }
  await syncFolder(dirname(path));
  return (await readSecretFile(path)) ?? Promise.reject(new NoSecretError(`${path} was taken away`));
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}

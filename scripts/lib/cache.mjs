// Where prepared things lie, and how they get there whole: every file is written beside its name and renamed.
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const repositoryRoot = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');

export function cachePath(...segments) {
  return path.join(path.resolve(process.env.PRISM_CACHE || path.join(repositoryRoot, '.cache')), ...segments);
}

/** Hex SHA-256 of text or bytes. */
export function sha256(bytes) {
  return createHash('sha256').update(bytes).digest('hex');
}

/** Hex SHA-256 of a file, read as a stream: wheels have hundreds of megabytes. */
export async function sha256File(file) {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(file, { highWaterMark: 1 << 20 })) hash.update(chunk);
  return hash.digest('hex');
}

export async function writeWhole(file, bytes) {
  await mkdir(path.dirname(file), { recursive: true });
  const partial = `${file}.partial-${process.pid}`;
  await writeFile(partial, bytes);
  await rename(partial, file);
}

/** The parsed file, or null where it is missing or not JSON: both mean "not prepared yet". */
export async function readJson(file) {
  try {
    return JSON.parse(await readFile(file, 'utf8'));
  } catch (error) {
    if (error.code === 'ENOENT' || error instanceof SyntaxError) return null;
    throw error;
  }
}

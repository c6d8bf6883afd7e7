import { lstat, readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { type Zippable, zipSync } from 'fflate';
import type { BundleFile } from '../domain/bundle.ts';
import { type AcceptedArchive, readArchive } from './intake.ts';
import { checkPath } from './zip-names.ts';
import { bundleLimits, type Refusal, refuse } from './zip-rules.ts';

export type PackedDirectory = Omit<AcceptedArchive, 'kind'> & { readonly kind: 'packed'; readonly archive: Uint8Array };

/**
 * Packs a directory as a bundle, dot files and `__pycache__` left out, and refuses what intake would refuse, under the
 * same rule ids: nothing else is left out silently. The same files give the same bytes on every machine. Throws what the
 * file system throws (no such directory, no permission).
 */
export async function packDirectory(directory: string): Promise<PackedDirectory | Refusal> {
  const collected = await collect(directory);
  if (collected.kind === 'refused') return collected;
  if (collected.files.length === 0) return refuse('prism:zip-empty', null);
  const archive = packFiles(collected.files);
  const read = await readArchive(archive);
  return read.kind === 'refused' ? read : { ...read, kind: 'packed', archive };
}

/**
 * A ZIP archive of `files`, sorted, with one fixed time, stored: a compressor's output may differ between its releases,
 * and a bundle has at most 2 MB. Checks nothing.
 */
export function packFiles(files: readonly BundleFile[]): Uint8Array {
  const sorted = files.toSorted((left, right) => Buffer.compare(Buffer.from(left.path), Buffer.from(right.path)));
  const entries: Zippable = Object.fromEntries(sorted.map((file) => [file.path, file.bytes]));
  // ZIP keeps local time without a zone: this is its first instant everywhere.
  return zipSync(entries, { level: 0, mtime: new Date(1980, 0, 1) });
}

type Collected = { readonly kind: 'collected'; readonly files: readonly BundleFile[] };

/** Walks without following links and stops at the first refusal, so that a wrong directory costs nothing. */
async function collect(root: string): Promise<Collected | Refusal> {
  const files: BundleFile[] = [];
  const folders = [''];
  let bytes = 0;
  for (let folder = folders.shift(); folder !== undefined; folder = folders.shift()) {
    const names = await readdir(path.join(root, folder));
    for (const name of names.toSorted().filter(isWanted)) {
      const relative = folder === '' ? name : `${folder}/${name}`;
      const found = await look(root, relative);
      if (found.kind === 'refused') return found;
      if (found.kind === 'folder') {
        folders.push(relative);
        if (folders.length > bundleLimits.folders) return refuse('prism:zip-too-many-files', relative);
        continue;
      }
      bytes += found.bytes;
      if (bytes > bundleLimits.contentBytes) return refuse('prism:zip-too-much-content', relative);
      if (files.length === bundleLimits.files) return refuse('prism:zip-too-many-files', relative);
      files.push({ path: relative, bytes: await readFile(path.join(root, relative)) });
    }
  }
  return { kind: 'collected', files };
}

function isWanted(name: string): boolean {
  return !name.startsWith('.') && name !== '__pycache__';
}

type Found = { readonly kind: 'folder' } | { readonly kind: 'file'; readonly bytes: number };

async function look(root: string, relative: string): Promise<Found | Refusal> {
  const stat = await lstat(path.join(root, relative));
  if (stat.isSymbolicLink()) return refuse('prism:zip-symlink', relative);
  if (stat.isDirectory()) return checkPath(`${relative}/`, true) ?? { kind: 'folder' };
  if (!stat.isFile()) return refuse('prism:zip-special-file', relative);
  return checkPath(relative, false) ?? { kind: 'file', bytes: stat.size };
}

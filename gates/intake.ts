import { type BundleFile, codeHash } from '../domain/bundle.ts';
import { checkContents } from './nested-archives.ts';
import { readEntries } from './read-entries.ts';
import type { ZipEntry } from './zip-entry.ts';
import { checkCollisions, checkPath } from './zip-names.ts';
import { bundleLimits, type Refusal, refuse } from './zip-rules.ts';
import { readStructure } from './zip-structure.ts';

/** A bundle that keeps every rule; files sorted by the UTF-8 bytes of their path. */
export type AcceptedArchive = {
  readonly kind: 'accepted';
  readonly files: readonly BundleFile[];
  readonly codeHash: string;
  readonly contentBytes: number;
};

/**
 * Reads a submitted archive under the ZIP rules of CONTRACT §1. Never throws for what is in the archive; a throw is our
 * own fault. Memory is bounded by the archive and 2,000,000 bytes, time by their size: headers are checked first, then names, and only then is
 * anything inflated.
 */
export async function readArchive(bytes: Uint8Array): Promise<AcceptedArchive | Refusal> {
  const archive = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const structure = readStructure(archive);
  if (structure.kind === 'refused') return structure;
  const refusal = checkEntries(structure.entries);
  if (refusal !== null) return refusal;
  const contents = await readEntries(archive, structure.entries, bundleLimits.contentBytes);
  if (contents.kind === 'refused') return contents;
  return checkContents(contents.files) ?? accept(contents.files);
}

function checkEntries(entries: readonly ZipEntry[]): Refusal | null {
  for (const entry of entries) {
    const refusal = checkPath(entry.name, entry.folder);
    if (refusal !== null) return refusal;
  }
  const files = entries.filter((entry) => !entry.folder);
  if (files.length === 0) return refuse('prism:zip-empty', null);
  if (files.length > bundleLimits.files)
    return refuse('prism:zip-too-many-files', null, `It has ${files.length} files.`);
  if (entries.length - files.length > bundleLimits.folders) return refuse('prism:zip-too-many-files', null);
  // An honest header saves the inflating; a lying one is caught by counting.
  let claimed = 0;
  for (const { name, contentBytes } of files) {
    claimed += contentBytes;
    if (claimed > bundleLimits.contentBytes)
      return refuse('prism:zip-too-much-content', name, `Up to here they claim ${claimed} bytes.`);
  }
  return checkCollisions(entries.map((entry) => ({ path: entry.name, folder: entry.folder })));
}

function accept(unsorted: readonly BundleFile[]): AcceptedArchive {
  const files = unsorted.toSorted((left, right) => Buffer.compare(Buffer.from(left.path), Buffer.from(right.path)));
  const contentBytes = files.reduce((sum, file) => sum + file.bytes.length, 0);
  return { kind: 'accepted', files, codeHash: codeHash(files), contentBytes };
}

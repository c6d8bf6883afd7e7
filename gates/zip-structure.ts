import { checkEntry, type LocatedEntry } from './zip-entry.ts';
import { bundleLimits, type Refusal, refuse } from './zip-rules.ts';

/*
 * Theory of operation. Two readers of a ZIP archive may see two different bundles: one believes the directory at the
 * end, another the header before each entry, a third skips bytes that neither names. So before the library opens it, the
 * archive is checked to have exactly one reading: entries lie end to end from byte 0 (header, name, content, and the
 * data descriptor where one is announced), then the directory, then the end record, then its comment, and nothing else.
 * Overlapping entries (the quine-like bombs), prefixes and hidden gaps fail on that alone. It reads headers only: work is
 * linear in the number of entries, and nothing is inflated.
 *
 * It does not: inflate, judge paths (zip-names.ts), or trust a size (read-entries.ts counts).
 */

export type ZipStructure = { readonly kind: 'structure'; readonly entries: readonly LocatedEntry[] };

const localSignature = 0x04034b50;
const endSignature = 0x06054b50;
const zip64LocatorSignature = 0x07064b50;
const endRecordBytes = 22;
const longestComment = 0xffff;

export function readStructure(archive: Buffer): ZipStructure | Refusal {
  if (archive.length > bundleLimits.archiveBytes) return refuse('prism:zip-too-large', null);
  const end = findEnd(archive);
  if (end === -1) {
    const begun = archive.length >= 4 && archive.readUInt32LE(0) === localSignature;
    return refuse(begun ? 'prism:zip-truncated' : 'prism:zip-not-an-archive', null);
  }
  const commentEnd = end + endRecordBytes + archive.readUInt16LE(end + 20);
  if (commentEnd > archive.length) return refuse('prism:zip-truncated', null);
  if (commentEnd < archive.length) return refuse('prism:zip-trailing-bytes', null);
  return readDirectory(archive, end);
}

/** The last end record: the one every reader that scans backwards finds. */
function findEnd(archive: Buffer): number {
  const earliest = Math.max(0, archive.length - endRecordBytes - longestComment);
  for (let at = archive.length - endRecordBytes; at >= earliest; at--) {
    if (archive.readUInt32LE(at) === endSignature) return at;
  }
  return -1;
}

function readDirectory(archive: Buffer, end: number): ZipStructure | Refusal {
  const disks = [archive.readUInt16LE(end + 4), archive.readUInt16LE(end + 6)];
  const count = archive.readUInt16LE(end + 10);
  const bytes = archive.readUInt32LE(end + 12);
  const start = archive.readUInt32LE(end + 16);
  const locator = end >= 20 && archive.readUInt32LE(end - 20) === zip64LocatorSignature;
  if (locator || count === 0xffff || bytes === 0xffffffff || start === 0xffffffff)
    return refuse('prism:zip-zip64', null);
  if (disks.some((disk) => disk !== 0) || archive.readUInt16LE(end + 8) !== count) {
    return refuse('prism:zip-structure', null, 'It is split over several volumes.');
  }
  if (count > bundleLimits.files + bundleLimits.folders)
    return refuse('prism:zip-too-many-files', null, `It has ${count} entries.`);
  if (start + bytes !== end)
    return refuse('prism:zip-structure', null, 'The directory is not where the end record says.');
  if (bytes > bundleLimits.directoryBytes) return refuse('prism:zip-structure', null, 'The directory is too long.');
  if (count === 0) return refuse(start === 0 ? 'prism:zip-empty' : 'prism:zip-structure', null);
  if (archive.readUInt32LE(0) !== localSignature) return refuse('prism:zip-leading-bytes', null);
  return walkDirectory(archive, { start, end, count });
}

function walkDirectory(
  archive: Buffer,
  directory: { start: number; end: number; count: number },
): ZipStructure | Refusal {
  const entries: LocatedEntry[] = [];
  const extents: { from: number; to: number; name: string }[] = [];
  let at = directory.start;
  for (let index = 0; index < directory.count; index++) {
    const checked = checkEntry(archive, at, directory);
    if (checked.kind === 'refused') return checked;
    entries.push(checked.entry);
    extents.push({ from: checked.entry.offset, to: checked.contentEnd, name: checked.entry.name });
    at = checked.nextHeader;
  }
  if (at !== directory.end) return refuse('prism:zip-structure', null, 'The directory holds more than its entries.');
  return checkTiling(extents, directory.start) ?? { kind: 'structure', entries };
}

function checkTiling(extents: { from: number; to: number; name: string }[], directoryStart: number): Refusal | null {
  extents.sort((left, right) => left.from - right.from);
  let reached = 0;
  for (const { from, to, name } of extents) {
    if (from !== reached) {
      const rule = reached === 0 ? 'prism:zip-leading-bytes' : 'prism:zip-structure';
      return refuse(rule, name, from < reached ? 'It overlaps another entry.' : 'Bytes before it belong to no entry.');
    }
    reached = to;
  }
  return reached === directoryStart
    ? null
    : refuse('prism:zip-structure', null, 'Bytes before the directory belong to no entry.');
}

import { promisify } from 'node:util';
import { crc32, inflateRaw } from 'node:zlib';
import StreamZip from 'node-stream-zip';
import { withMemoryFile } from './memory-file.ts';
import type { LocatedEntry } from './zip-entry.ts';
import { type Refusal, refuse } from './zip-rules.ts';

export type Contents = {
  readonly kind: 'contents';
  readonly files: readonly { readonly path: string; readonly bytes: Uint8Array }[];
};

const inflate = promisify(inflateRaw);

/**
 * Inflates the files among `entries`, once node-stream-zip has read the same directory. Bytes are counted as they come: an
 * entry stops at the size its header states and all of them together at `limitBytes`, so that a bomb costs one chunk more than it may.
 */
export function readEntries(
  archive: Buffer,
  entries: readonly LocatedEntry[],
  limitBytes: number,
): Promise<Contents | Refusal> {
  return withMemoryFile(archive, async (descriptor) => {
    const opened = await openArchive(descriptor);
    if (opened.kind === 'refused') return opened;
    if (!sameListing(opened.listing, entries)) {
      return refuse('prism:zip-structure', null, 'Two readers of its directory disagree.');
    }
    const files: { path: string; bytes: Uint8Array }[] = [];
    let left = limitBytes;
    for (const entry of entries) {
      if (entry.folder) continue;
      const content = await readContent(archive, entry, left);
      if (content.kind === 'refused') return content;
      left -= content.bytes.length;
      files.push({ path: entry.name, bytes: content.bytes });
    }
    return { kind: 'contents', files };
  });
}

type Listing = readonly StreamZip.ZipEntry[];
type Opened = { readonly kind: 'opened'; readonly listing: Listing };

function openArchive(descriptor: number): Promise<Opened | Refusal> {
  return new Promise((resolve) => {
    const listing: StreamZip.ZipEntry[] = [];
    // One read covers every directory that the structure check lets through.
    const zip = new StreamZip({ fd: descriptor, storeEntries: false, chunkSize: 131_072 });
    zip.on('entry', (entry) => listing.push(entry));
    zip.on('ready', () => resolve({ kind: 'opened', listing }));
    // Nothing here touches a disk: the library can only fail for what the archive says.
    zip.on('error', (error: unknown) => resolve(refuse('prism:zip-structure', null, messageOf(error))));
  });
}

function sameListing(listing: Listing, entries: readonly LocatedEntry[]): boolean {
  return (
    listing.length === entries.length &&
    entries.every((entry, index) => {
      const listed = listing[index];
      return (
        listed !== undefined &&
        listed.name === entry.name &&
        listed.offset === entry.offset &&
        listed.method === entry.method &&
        listed.crc === entry.crc &&
        listed.compressedSize === entry.compressedBytes &&
        listed.size === entry.contentBytes
      );
    })
  );
}

type Content = { readonly kind: 'content'; readonly bytes: Buffer };

async function readContent(archive: Buffer, entry: LocatedEntry, left: number): Promise<Content | Refusal> {
  const stored = archive.subarray(entry.contentFrom, entry.contentFrom + entry.compressedBytes);
  if (entry.contentBytes > left) return refuse('prism:zip-too-much-content', entry.name);
  try {
    // A limit of 0 would be none.
    const most = { maxOutputLength: Math.max(1, entry.contentBytes) };
    const content = entry.method === 0 ? Buffer.from(stored) : await inflate(stored, most);
    if (content.length === entry.contentBytes && crc32(content) === entry.crc)
      return { kind: 'content', bytes: content };
    return refuse('prism:zip-content-mismatch', entry.name, mismatch(content.length - entry.contentBytes));
  } catch (error) {
    return refusalOf(error, entry);
  }
}

function mismatch(surplus: number): string {
  if (surplus === 0) return 'The checksum is wrong.';
  return `It holds ${surplus > 0 ? 'more' : 'less'} than its header says.`;
}

/** Damage in the archive is a refusal; what is left (memory, a bug) is our fault and goes on up. */
function refusalOf(error: unknown, entry: LocatedEntry): Refusal {
  const code = error instanceof Error && 'code' in error ? error.code : null;
  if (code === 'ERR_BUFFER_TOO_LARGE') {
    return refuse('prism:zip-content-mismatch', entry.name, mismatch(1));
  }
  if (code === 'Z_DATA_ERROR' || code === 'Z_BUF_ERROR' || code === 'Z_NEED_DICT') {
    return refuse('prism:zip-broken-content', entry.name);
  }
  throw error;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

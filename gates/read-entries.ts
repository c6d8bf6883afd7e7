import { crc32 } from 'node:zlib';
import StreamZip from 'node-stream-zip';
import { withMemoryFile } from './memory-file.ts';
import type { ZipEntry } from './zip-entry.ts';
import { type Refusal, refuse } from './zip-rules.ts';

export type Contents = {
  readonly kind: 'contents';
  readonly files: readonly { readonly path: string; readonly bytes: Uint8Array }[];
};

/**
 * Inflates the files among `entries` through node-stream-zip. Bytes are counted as they come: an entry stops at the size
 * its header states and all of them together at `limitBytes`, so that a bomb costs one chunk more than it may.
 */
export function readEntries(
  archive: Buffer,
  entries: readonly ZipEntry[],
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
    for (const [index, entry] of entries.entries()) {
      const listed = opened.listing[index];
      if (entry.folder || listed === undefined) continue;
      const content = await readContent(opened.zip, listed, entry, left);
      if (content.kind === 'refused') return content;
      left -= content.bytes.length;
      files.push({ path: entry.name, bytes: content.bytes });
    }
    return { kind: 'contents', files };
  });
}

type Listing = readonly StreamZip.ZipEntry[];
type Opened = { readonly kind: 'opened'; readonly zip: StreamZip; readonly listing: Listing };

function openArchive(descriptor: number): Promise<Opened | Refusal> {
  return new Promise((resolve) => {
    const listing: StreamZip.ZipEntry[] = [];
    // One read covers every directory that the structure check lets through.
    const zip = new StreamZip({ fd: descriptor, storeEntries: false, chunkSize: 131_072 });
    zip.on('entry', (entry) => listing.push(entry));
    zip.on('ready', () => resolve({ kind: 'opened', zip, listing }));
    // Nothing here touches a disk: the library can only fail for what the archive says.
    zip.on('error', (error: unknown) => resolve(refuse('prism:zip-structure', null, messageOf(error))));
  });
}

function sameListing(listing: Listing, entries: readonly ZipEntry[]): boolean {
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

async function readContent(
  zip: StreamZip,
  listed: StreamZip.ZipEntry,
  entry: ZipEntry,
  left: number,
): Promise<Content | Refusal> {
  const chunks: Buffer[] = [];
  let count = 0;
  try {
    for await (const chunk of await openContent(zip, listed)) {
      const bytes = Buffer.from(chunk);
      count += bytes.length;
      if (count > left) return refuse('prism:zip-too-much-content', entry.name);
      if (count > entry.contentBytes)
        return refuse('prism:zip-content-mismatch', entry.name, 'It holds more than its header says.');
      chunks.push(bytes);
    }
  } catch (error) {
    return refusalOf(error, entry);
  }
  const content = Buffer.concat(chunks, count);
  // The library checks neither a short entry nor the checksum of one with a data descriptor.
  if (count !== entry.contentBytes)
    return refuse('prism:zip-content-mismatch', entry.name, 'It holds less than its header says.');
  if (crc32(content) !== entry.crc) return refuse('prism:zip-content-mismatch', entry.name, 'The checksum is wrong.');
  return { kind: 'content', bytes: content };
}

function openContent(zip: StreamZip, listed: StreamZip.ZipEntry): Promise<NodeJS.ReadableStream> {
  return new Promise((resolve, reject) => {
    zip.stream(listed, (error: unknown, stream) => {
      if (stream === undefined) return reject(error);
      // The library's inflater may report damage after we have stopped reading; without a listener that ends the process.
      stream.on('error', () => undefined);
      resolve(stream);
    });
  });
}

/** Damage in the archive is a refusal; what is left (memory, a bug) is our fault and goes on up. */
function refusalOf(error: unknown, entry: ZipEntry): Refusal {
  const message = messageOf(error);
  if (message === 'Invalid CRC' || message === 'Invalid size') {
    return refuse('prism:zip-content-mismatch', entry.name, 'Counted while inflating.');
  }
  const code = error instanceof Error && 'code' in error ? error.code : null;
  if (code === 'Z_DATA_ERROR' || code === 'Z_BUF_ERROR' || code === 'Z_NEED_DICT') {
    return refuse('prism:zip-broken-content', entry.name);
  }
  throw error;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

import { type Refusal, refuse } from './zip-rules.ts';

/** What the directory says of an entry, found equal to what its own header says. Sizes are still claims. */
export type ZipEntry = {
  readonly name: string;
  readonly folder: boolean;
  readonly method: number;
  readonly crc: number;
  readonly compressedBytes: number;
  readonly contentBytes: number;
  readonly offset: number;
};

/** An entry whose own header was read: `contentFrom` is where its content begins, compressed or not. */
export type LocatedEntry = ZipEntry & { readonly contentFrom: number };

const centralSignature = 0x02014b50;
const localSignature = 0x04034b50;
const descriptorSignature = 0x08074b50;
const centralHeaderBytes = 46;
const localHeaderBytes = 30;

const flag = { encrypted: 0x0001, descriptor: 0x0008, strongEncryption: 0x0040, utf8: 0x0800, maskedHeader: 0x2000 };
/** Flags that change how an entry is read: both headers must carry the same. */
const readingFlags = flag.encrypted | flag.descriptor | flag.utf8;
const extraField = { zip64: 0x0001, strongEncryption: 0x0017, unicodePath: 0x7075, aes: 0x9901 };
const aesMethod = 99;

export type CheckedEntry = {
  readonly kind: 'entry';
  readonly entry: LocatedEntry;
  /** Where the entry's content and its descriptor end. */
  readonly contentEnd: number;
  readonly nextHeader: number;
};

/** Reads one directory header at `at` and the entry's own header, and requires that they agree. */
export function checkEntry(
  archive: Buffer,
  at: number,
  directory: { start: number; end: number },
): CheckedEntry | Refusal {
  if (at + centralHeaderBytes > directory.end || archive.readUInt32LE(at) !== centralSignature) {
    return refuse('prism:zip-structure', null, 'The directory is cut short.');
  }
  const central = readCentral(archive, at);
  if (central.next > directory.end) return refuse('prism:zip-structure', null, 'The directory is cut short.');
  const name = decodeName(central.nameBytes);
  if (name === null) return refuse('prism:zip-name-encoding', central.nameBytes.toString('latin1'));
  const entry: ZipEntry = {
    name,
    folder: name.endsWith('/'),
    method: central.method,
    crc: central.crc,
    compressedBytes: central.compressedBytes,
    contentBytes: central.contentBytes,
    offset: central.offset,
  };
  const refusal = checkCentral(central, entry) ?? checkExtra(central.extra, central.nameBytes, name);
  if (refusal !== null) return refusal;
  const content = checkLocal(archive, central, entry, directory.start);
  return content.kind === 'refused'
    ? content
    : {
        kind: 'entry',
        entry: { ...entry, contentFrom: content.start },
        contentEnd: content.end,
        nextHeader: central.next,
      };
}

type Central = ReturnType<typeof readCentral>;

function readCentral(archive: Buffer, at: number) {
  const nameEnd = at + centralHeaderBytes + archive.readUInt16LE(at + 28);
  const extraEnd = nameEnd + archive.readUInt16LE(at + 30);
  return {
    flags: archive.readUInt16LE(at + 8),
    method: archive.readUInt16LE(at + 10),
    crc: archive.readUInt32LE(at + 16),
    compressedBytes: archive.readUInt32LE(at + 20),
    contentBytes: archive.readUInt32LE(at + 24),
    disk: archive.readUInt16LE(at + 34),
    /** Unix mode, in the high half of the external attributes; 0 where the writer knows none. */
    mode: archive.readUInt16LE(at + 40),
    offset: archive.readUInt32LE(at + 42),
    nameBytes: archive.subarray(at + centralHeaderBytes, nameEnd),
    extra: archive.subarray(nameEnd, extraEnd),
    next: extraEnd + archive.readUInt16LE(at + 32),
  };
}

function decodeName(bytes: Buffer): string | null {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return null;
  }
}

function checkCentral(central: Central, entry: ZipEntry): Refusal | null {
  const { name, folder } = entry;
  const encrypting = flag.encrypted | flag.strongEncryption | flag.maskedHeader;
  if ((central.flags & encrypting) !== 0 || central.method === aesMethod) return refuse('prism:zip-encrypted', name);
  const fileType = central.mode & 0o170000;
  if (fileType === 0o120000) return refuse('prism:zip-symlink', name);
  if (fileType !== 0 && fileType !== (folder ? 0o040000 : 0o100000)) return refuse('prism:zip-special-file', name);
  if (central.method !== 0 && central.method !== 8)
    return refuse('prism:zip-method', name, `This one is method ${central.method}.`);
  if (central.compressedBytes === 0xffffffff || central.contentBytes === 0xffffffff || central.offset === 0xffffffff) {
    return refuse('prism:zip-zip64', name);
  }
  if (central.disk !== 0) return refuse('prism:zip-structure', name, 'It is split over several volumes.');
  if (folder && central.contentBytes !== 0) return refuse('prism:zip-folder-content', name);
  if (central.method === 0 && central.compressedBytes !== central.contentBytes) {
    return refuse('prism:zip-content-mismatch', name, 'It is stored, but its two sizes differ.');
  }
  return null;
}

/** Extra fields can rename, resize or encrypt an entry for the readers that know them. */
function checkExtra(extra: Buffer, nameBytes: Buffer, name: string): Refusal | null {
  let at = 0;
  while (at < extra.length) {
    if (at + 4 > extra.length) return refuse('prism:zip-structure', name, 'Its extra field is cut short.');
    const id = extra.readUInt16LE(at);
    const end = at + 4 + extra.readUInt16LE(at + 2);
    if (end > extra.length) return refuse('prism:zip-structure', name, 'Its extra field is cut short.');
    if (id === extraField.zip64) return refuse('prism:zip-zip64', name);
    if (id === extraField.aes || id === extraField.strongEncryption) return refuse('prism:zip-encrypted', name);
    // A Unicode path field is a version byte and a checksum, then the name that such readers use instead.
    if (id === extraField.unicodePath && !extra.subarray(at + 9, end).equals(nameBytes)) {
      return refuse('prism:zip-header-mismatch', name, 'Its extra field states another name.');
    }
    at = end;
  }
  return null;
}

type Content = { readonly kind: 'content'; readonly start: number; readonly end: number };

function checkLocal(archive: Buffer, central: Central, entry: ZipEntry, directoryStart: number): Content | Refusal {
  const at = central.offset;
  if (at + localHeaderBytes > directoryStart || archive.readUInt32LE(at) !== localSignature) {
    return refuse('prism:zip-header-mismatch', entry.name, 'There is no header where the directory says.');
  }
  const nameEnd = at + localHeaderBytes + archive.readUInt16LE(at + 26);
  const contentStart = nameEnd + archive.readUInt16LE(at + 28);
  const contentEnd = contentStart + central.compressedBytes;
  if (contentEnd > directoryStart)
    return refuse('prism:zip-structure', entry.name, 'Its content runs into the directory.');
  if (!archive.subarray(at + localHeaderBytes, nameEnd).equals(central.nameBytes)) {
    return refuse('prism:zip-header-mismatch', entry.name, 'Its own header states another name.');
  }
  if (
    archive.readUInt16LE(at + 8) !== central.method ||
    ((archive.readUInt16LE(at + 6) ^ central.flags) & readingFlags) !== 0
  ) {
    return refuse('prism:zip-header-mismatch', entry.name, 'Its own header states another method.');
  }
  const described = (central.flags & flag.descriptor) !== 0;
  if (!sizesAgree(archive, at + 14, central, described)) {
    return refuse('prism:zip-header-mismatch', entry.name, 'Its own header states another size or checksum.');
  }
  const refusal = checkExtra(archive.subarray(nameEnd, contentStart), central.nameBytes, entry.name);
  if (refusal !== null) return refusal;
  if (!described) return { kind: 'content', start: contentStart, end: contentEnd };
  const descriptorEnd = endOfDescriptor(archive, contentEnd, central);
  return descriptorEnd === null
    ? refuse('prism:zip-header-mismatch', entry.name, 'Its data descriptor states another size or checksum.')
    : { kind: 'content', start: contentStart, end: descriptorEnd };
}

/** A streaming writer leaves zeros here and states the numbers in a descriptor behind the content. */
function sizesAgree(archive: Buffer, at: number, central: Central, mayBeZero: boolean): boolean {
  const stated = [central.crc, central.compressedBytes, central.contentBytes];
  return stated.every((value, index) => {
    const local = archive.readUInt32LE(at + 4 * index);
    return local === value || (mayBeZero && local === 0);
  });
}

/** The descriptor's signature is optional (APPNOTE 4.3.9.3); its numbers must be the directory's. */
function endOfDescriptor(archive: Buffer, at: number, central: Central): number | null {
  for (const signed of [true, false]) {
    const numbers = signed ? at + 4 : at;
    if (numbers + 12 > archive.length) continue;
    if (signed && archive.readUInt32LE(at) !== descriptorSignature) continue;
    if (sizesAgree(archive, numbers, central, false)) return numbers + 12;
  }
  return null;
}

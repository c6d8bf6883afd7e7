import type { BundleFile } from '../domain/bundle.ts';
import { type Refusal, refuse } from './zip-rules.ts';

/** How archives begin (tar: at byte 257), whatever their name says. */
const magics: readonly { readonly kind: string; readonly at: number; readonly bytes: Buffer }[] = [
  { kind: 'ZIP', at: 0, bytes: Buffer.from('PK\x03\x04') },
  { kind: 'ZIP', at: 0, bytes: Buffer.from('PK\x05\x06') },
  { kind: 'ZIP', at: 0, bytes: Buffer.from('PK\x07\x08') },
  { kind: 'gzip', at: 0, bytes: Buffer.from([0x1f, 0x8b]) },
  { kind: 'xz', at: 0, bytes: Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]) },
  { kind: 'Zstandard', at: 0, bytes: Buffer.from([0x28, 0xb5, 0x2f, 0xfd]) },
  { kind: 'LZ4', at: 0, bytes: Buffer.from([0x04, 0x22, 0x4d, 0x18]) },
  { kind: '7-Zip', at: 0, bytes: Buffer.from([0x37, 0x7a, 0xbc, 0xaf, 0x27, 0x1c]) },
  { kind: 'RAR', at: 0, bytes: Buffer.from('Rar!\x1a\x07') },
  // "BZh" alone may begin a sentence; the block magic behind the level digit doesn't.
  { kind: 'bzip2', at: 4, bytes: Buffer.from([0x31, 0x41, 0x59, 0x26, 0x53, 0x59]) },
  { kind: 'tar', at: 257, bytes: Buffer.from('ustar\x00') },
  { kind: 'tar', at: 257, bytes: Buffer.from('ustar  \x00') },
];

/** Refuses the first file that is an archive by its content. */
export function checkContents(files: readonly BundleFile[]): Refusal | null {
  for (const { path, bytes } of files) {
    const magic = magics.find(({ at, bytes: expected }) => expected.equals(bytes.subarray(at, at + expected.length)));
    if (magic !== undefined) return refuse('prism:zip-nested-archive', path, `Its content begins like ${magic.kind}.`);
  }
  return null;
}

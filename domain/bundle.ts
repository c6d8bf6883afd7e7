import { hash } from 'node:crypto';

/** One file of a bundle; `path` is relative, with `/`, and has passed intake's rules. */
export type BundleFile = { readonly path: string; readonly bytes: Uint8Array };

/**
 * The canonical form: every file, sorted by the UTF-8 bytes of its path, as `path NUL decimal-length NUL bytes`
 * (CONTRACT §4 measures `xzBytes` over it; PROTOCOL.md §1 sends it).
 */
export function canonicalBundle(files: readonly BundleFile[]): Uint8Array {
  const sorted = files.map((file) => ({ path: Buffer.from(file.path), bytes: file.bytes }));
  sorted.sort((left, right) => Buffer.compare(left.path, right.path));
  const nul = Buffer.from([0]);
  return Buffer.concat(
    sorted.flatMap(({ path, bytes }) => [path, nul, Buffer.from(String(bytes.byteLength)), nul, bytes]),
  );
}

/** `code_hash`: lower-case hex SHA-256 of the canonical form. */
export function codeHash(files: readonly BundleFile[]): string {
  return hash('sha256', canonicalBundle(files));
}

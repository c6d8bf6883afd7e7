import { createHash } from 'node:crypto';
import type { BundleFile } from '../domain/bundle.ts';
import type { ModuleFacts } from '../domain/ports/inspector.ts';
import type { DeclaredRole } from './manifest-role.ts';

/** Facts of every `.py` file of a bundle, by path. */
export type Modules = ReadonlyMap<string, ModuleFacts>;

export type RoleFingerprint = { readonly files: string[]; readonly fingerprint: string };

/**
 * A role's files (entrypoint, declared files, and every bundle module they import, transitively), sorted by UTF-8 bytes,
 * and the SHA-256 over the JSON `[[path, digest], …]` of them: of a module's canonical source, of another file's bytes. So neither comments nor
 * formatting nor files of the other role move it.
 */
export function fingerprintRole(role: DeclaredRole, files: readonly BundleFile[], modules: Modules): RoleFingerprint {
  const closed = closure([role.entrypoint, ...role.files], modules);
  const members = files.filter((file) => closed.has(file.path));
  const sorted = members.toSorted((left, right) => Buffer.compare(Buffer.from(left.path), Buffer.from(right.path)));
  const digests = sorted.map((file) => [file.path, modules.get(file.path)?.canonicalHash ?? sha256(file.bytes)]);
  return { files: sorted.map((file) => file.path), fingerprint: sha256(JSON.stringify(digests)) };
}

function closure(roots: readonly string[], modules: Modules): ReadonlySet<string> {
  const reached = new Set(roots);
  // A set is walked in order of insertion, additions made on the way included.
  for (const path of reached) {
    for (const imported of modules.get(path)?.imports ?? []) reached.add(imported);
  }
  return reached;
}

function sha256(content: string | Uint8Array): string {
  return createHash('sha256').update(content).digest('hex');
}

import type { BundleFile } from '../domain/bundle.ts';
import type { Finding, ResolvedContract } from '../domain/submission/events.ts';
import type { Tokenizer, TokenizerClass } from '../domain/tokenizer.ts';
import { type Failed, finding } from './contract-rules.ts';
import { readManifest } from './manifest-document.ts';
import { checkKeys } from './manifest-keys.ts';
import { declared, type Reading, shown } from './manifest-reading.ts';
import { type DeclaredRole, readRole } from './manifest-role.ts';
import { resolveTokenizer } from './tokenizer.ts';

/** What the bundle declares, defaults filled in. Scripts and declared files exist; what is in them isn't known yet. */
export type Declaration = {
  readonly kind: ResolvedContract['kind'];
  readonly architectureId: string | null;
  readonly name: string | null;
  readonly tokenizer: Tokenizer;
  readonly architecture: DeclaredRole;
  readonly training: DeclaredRole;
};

export type Declared = { readonly kind: 'declared'; readonly declaration: Declaration };

export function readDeclaration(files: readonly BundleFile[], offered: readonly TokenizerClass[]): Declared | Failed {
  const manifest = readManifest(files);
  if (manifest.kind === 'failed') return manifest;
  const findings: Finding[] = [...checkKeys(manifest)];
  const reading: Reading = {
    files: new Map(files.map(({ path, bytes }) => [path, bytes])),
    manifest,
    report: (rule, place, seen) => findings.push(finding(rule, place, seen)),
  };
  const declaration: Declaration = {
    kind: readKind(reading),
    architectureId: readText(reading, 'architecture_id'),
    name: displayName(manifest.values.get('name')),
    tokenizer: resolveTokenizer(reading, offered),
    architecture: readRole(reading, 'architecture'),
    training: readRole(reading, 'training'),
  };
  if (declaration.architecture.entrypoint === declaration.training.entrypoint) {
    reading.report(
      'prism:contract-same-script',
      reading.manifest.placeOf(['training', 'entrypoint']),
      `Both are ${declaration.training.entrypoint}.`,
    );
  }
  return findings.length > 0 ? { kind: 'failed', findings } : { kind: 'declared', declaration };
}

const kinds = ['full', 'architecture_only', 'training_for_arch'] as const;

function readKind(reading: Reading): ResolvedContract['kind'] {
  const value = declared(reading.manifest.values, 'kind');
  const kind = kinds.find((candidate) => candidate === value);
  if (kind !== undefined) return kind;
  if (value !== undefined)
    reading.report('prism:contract-kind', reading.manifest.placeOf(['kind']), `It is ${shown(value)}.`);
  return 'full';
}

function readText(reading: Reading, key: string): string | null {
  const value = declared(reading.manifest.values, key);
  if (value === undefined) return null;
  // A lone surrogate (`"\ud800"` parses) is no text that anything could store.
  const isStorable = typeof value === 'string' && !/\p{Surrogate}/u.test(value);
  if (isStorable && value !== '' && value.length <= 200) return value;
  reading.report(
    'prism:contract-manifest-value',
    reading.manifest.placeOf([key]),
    `\`${key}\` must be a well-formed text of 1 to 200 characters, and is ${shown(value)}.`,
  );
  return null;
}

/** Dropped, never an error, where it breaks the rule of CONTRACT §1. */
export function displayName(value: unknown): string | null {
  if (typeof value !== 'string' || !/^[A-Za-z0-9 \-_.()[\]/+&]{1,48}$/.test(value)) return null;
  return value.trim() === '' ? null : value.trim();
}

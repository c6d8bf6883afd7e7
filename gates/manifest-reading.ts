import type { ContractRule, Place } from './contract-rules.ts';
import { isMapping, type ManifestDocument, type ManifestMapping } from './manifest-yaml.ts';

/** Collects findings while the manifest is read, so that a miner sees all of them at once. */
export type Reading = {
  /** Of the bundle, by path. */
  readonly files: ReadonlyMap<string, Uint8Array>;
  readonly manifest: ManifestDocument;
  report(rule: ContractRule, place: Place, seen: string): void;
};

/** A key without a value (YAML null) declares nothing; every other value counts. */
export function declared(values: ManifestMapping, key: string): unknown {
  return values.get(key) ?? undefined;
}

/** A value as a finding may quote it. */
export function shown(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.slice(0, 80));
  if (Array.isArray(value)) return 'a list';
  return isMapping(value) ? 'a mapping' : String(value).slice(0, 80);
}

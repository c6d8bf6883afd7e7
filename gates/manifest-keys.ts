import type { Finding } from '../domain/submission/events.ts';
import { finding } from './contract-rules.ts';
import { isMapping, type ManifestDocument, type ManifestMapping } from './manifest-yaml.ts';

export const manifestKeys = ['kind', 'architecture_id', 'architecture', 'training', 'tokenizer', 'name'] as const;
export const roleKeys = ['entrypoint', 'factory', 'function', 'entry', 'files'] as const;

/*
 * Unknown keys. Bundles written for PRISM v2 carry keys of their own (authors, notes, hyperparameters), and must run
 * unchanged, so an unknown key is ignored. But "no silent fallback": a key that is nearly one of ours (`tokenizr`,
 * `Kind`, `entry_point`), a dotted path written as one key (`training.entrypoint`), and a foreign section that
 * declares an entrypoint say something that would not be honoured; those are refused, with the key that was meant.
 */
export function checkKeys(manifest: ManifestDocument): readonly Finding[] {
  const findings = checkSection(manifest, manifest.values, null, manifestKeys);
  for (const role of ['architecture', 'training']) {
    const section = manifest.values.get(role);
    if (isMapping(section)) findings.push(...checkSection(manifest, section, role, roleKeys));
  }
  return findings;
}

function checkSection(
  manifest: ManifestDocument,
  section: ManifestMapping,
  role: string | null,
  known: readonly string[],
): Finding[] {
  const findings: Finding[] = [];
  for (const [key, value] of section) {
    if (typeof key !== 'string' || known.includes(key)) continue;
    const keys = role === null ? [key] : [role, key];
    const intent = intentOf(key, value, known);
    if (intent === null) continue;
    const seen = `${quoted(keys.join('.'))}: ${intent}`;
    findings.push(finding('prism:contract-manifest-key', manifest.placeOf(keys), seen));
  }
  return findings;
}

/** What an unknown key was meant to say, where it says something that counts. */
function intentOf(key: string, value: unknown, known: readonly string[]): string | null {
  const near = known.find((candidate) => isNear(key.toLowerCase(), candidate));
  if (near !== undefined) return `did you mean ${quoted(near)}?`;
  if (key === '<<') return 'merge keys are not supported; write the keys out.';
  if (/^(architecture|training)\./.test(key)) return 'write the section as a mapping, not as a dotted key.';
  if (isMapping(value) && value.has('entrypoint')) return 'only `architecture` and `training` declare entrypoints.';
  return null;
}

function quoted(key: string): string {
  return `\`${key.slice(0, 60)}\``;
}

/** Short words lie close to each other (`note` and `name`): up to five letters one slip counts, above that two. */
function isNear(key: string, known: string): boolean {
  const allowed = known.length <= 5 ? 1 : 2;
  return Math.abs(key.length - known.length) <= allowed && slips(key, known) <= allowed;
}

/** Optimal string alignment distance: insertions, deletions, replacements and swaps of neighbours. */
function slips(left: string, right: string): number {
  const rows: number[][] = [Array.from({ length: right.length + 1 }, (_, column) => column)];
  for (let row = 1; row <= left.length; row++) {
    const current = [row];
    for (let column = 1; column <= right.length; column++) {
      const at = (up: number, back: number) =>
        (up === 0 ? current : rows[row - up])?.[column - back] ?? Number.POSITIVE_INFINITY;
      const replaced = at(1, 1) + (left[row - 1] === right[column - 1] ? 0 : 1);
      const isSwap =
        row > 1 && column > 1 && left[row - 1] === right[column - 2] && left[row - 2] === right[column - 1];
      current.push(Math.min(replaced, at(1, 0) + 1, at(0, 1) + 1, isSwap ? at(2, 2) + 1 : Number.POSITIVE_INFINITY));
    }
    rows.push(current);
  }
  return rows[left.length]?.[right.length] ?? 0;
}

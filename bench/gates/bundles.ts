import { readdirSync, readFileSync } from 'node:fs';
import type { BundleFile } from '../../domain/bundle.ts';
import { packFiles } from '../../gates/pack.ts';

const folder = 'test/gates/corpus/honest';

export type BenchBundle = { readonly archive: Uint8Array; readonly sources: readonly string[] };

/** A bundle of every two honest scripts of the gates' corpus that are a file each, with the entries that the contract asks for. */
export function benchBundles(): readonly BenchBundle[] {
  const scripts = readdirSync(folder)
    .filter((name) => name.endsWith('.py'))
    .toSorted()
    .map((name) => readFileSync(`${folder}/${name}`, 'utf8'));
  return scripts.map((script, at) => {
    const other = scripts[(at + 7) % scripts.length] ?? script;
    const sources = [withEntry(script, 'build_model'), withEntry(other, 'train')];
    const files = ['architecture.py', 'training.py'].map(
      (path, index): BundleFile => ({ path, bytes: Buffer.from(sources[index] ?? '') }),
    );
    return { archive: packFiles(files), sources };
  });
}

/** What a script defines is used by its entry. */
function withEntry(source: string, entry: string): string {
  if (new RegExp(`^def ${entry}\\b`, 'm').test(source)) return source;
  const defined = [...source.matchAll(/^(?:def|class) (\w+)/gm)].map(([, name]) => name);
  return `${source}\n\ndef ${entry}(ctx):\n    return [${defined.join(', ')}]\n`;
}

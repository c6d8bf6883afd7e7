import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { packageRoot } from '../../cli/package-root.ts';
import { bundle } from '../service/bundles.ts';
import type { Literals } from './literals.ts';

const bundles = join(packageRoot, 'test/adversarial/bundles');

export async function bundleNames(): Promise<readonly string[]> {
  return (await readdir(bundles)).filter((name) => name !== 'shared').toSorted();
}

/**
 * The files of a bundle: its folder's own, the twin's script for a role that it leaves alone, the shared modules that any of them imports, and
 * literals in place of their names.
 */
export async function bundleFiles(name: string, literals: Literals = {}): Promise<Readonly<Record<string, string>>> {
  const files = { ...(await filesIn('twin')), ...(await filesIn(name)) };
  const shared = await filesIn('shared');
  const read = Object.values(files);
  for (let source = read.pop(); source !== undefined; source = read.pop()) {
    for (const [, module] of source.matchAll(/^(?:from|import) (\w+)/gm)) {
      const [path, text] = [`${module}.py`, shared[`${module}.py`]];
      if (text === undefined || path in files) continue;
      files[path] = text;
      read.push(text);
    }
  }
  return Object.fromEntries(Object.entries(files).map(([path, text]) => [path, filled(text, literals)]));
}

export async function adversarialBundle(name: string, literals?: Literals): Promise<Uint8Array> {
  const { 'architecture.py': architecture, 'training.py': training, ...more } = await bundleFiles(name, literals);
  return bundle({ ...(architecture && { architecture }), ...(training && { training }) }, more);
}

async function filesIn(name: string): Promise<Record<string, string>> {
  const folder = join(bundles, name);
  const paths = (await readdir(folder)).filter((path) => path.endsWith('.py'));
  const texts = await Promise.all(paths.map((path) => readFile(join(folder, path), 'utf8')));
  return Object.fromEntries(paths.map((path, index) => [path, texts[index] ?? '']));
}

function filled(text: string, literals: Literals): string {
  return text.replaceAll(/@@([\w-]+)@@/g, (_, name: string) => {
    const literal = literals[name];
    if (literal === undefined) throw new Error(`there is no literal ${name}`);
    return literal;
  });
}

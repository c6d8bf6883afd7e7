import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';
import { packageRoot } from '../../cli/package-root.ts';
import type { BundleFile } from '../../domain/bundle.ts';

const corpus = join(packageRoot, 'test/gates/corpus');

/** A bundle of the corpus: one script, or a folder of modules. */
export type Specimen = { readonly name: string; readonly files: readonly BundleFile[] };

/** `hostile`: what has to be found stands at the end of its line, `# finds <rule> …`. `honest`: nothing must be found. */
export function specimens(kind: 'hostile' | 'honest'): readonly Specimen[] {
  const folder = join(corpus, kind);
  return readdirSync(folder)
    .toSorted()
    .map((entry) => {
      const path = join(folder, entry);
      if (!statSync(path).isDirectory()) {
        return { name: entry.replace(/\.py$/, ''), files: [{ path: 'training.py', bytes: readFileSync(path) }] };
      }
      const files = readdirSync(path, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.py'));
      return {
        name: entry,
        files: files
          .toSorted()
          .map((name) => ({ path: relative(path, join(path, name)), bytes: readFileSync(join(path, name)) })),
      };
    });
}

/** `path:line rule` of every finding that a specimen's own comments ask for, sorted. */
export function expectedFindings({ files }: Specimen): readonly string[] {
  return files
    .flatMap(({ path, bytes }) =>
      Buffer.from(bytes)
        .toString()
        .split('\n')
        .flatMap((line, index) => {
          const rules = /# finds (.*)$/.exec(line)?.[1]?.split(' ') ?? [];
          return rules.map((rule) => `${path}:${index + 1} ${rule}`);
        }),
    )
    .toSorted();
}

/** The specimen's first line, a comment: what it tries. */
export function titleOf({ files }: Specimen): string {
  const script = files.find(({ path }) => path === 'training.py');
  return /^# (.*)\.$/m.exec(Buffer.from(script?.bytes ?? '').toString())?.[1] ?? '';
}

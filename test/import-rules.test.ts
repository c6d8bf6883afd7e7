import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';

/**
 * The import rules of DESIGN.md "Shape", checked over the real tree. What isn't in a folder of the map is the roof
 * (`main.ts`, `config.ts`, `service/`, `cli/`), which may import everything; tests, benches and scripts are outside
 * of the house: nothing imports them, and they keep no rule.
 */
const mayImport: Readonly<Record<string, readonly string[]>> = {
  domain: [],
  verifier: [],
  machines: ['domain'],
  storage: ['domain'],
  projections: ['domain'],
  gates: ['domain'],
  executor: ['domain'],
  audit: ['domain'],
  http: ['domain', 'projections'],
};
const roof = new Set(['main.ts', 'config.ts', 'service', 'cli']);
const outside = new Set(['test', 'bench', 'scripts']);

type Source = { readonly path: string; readonly text: string };

/** Paths of our own files that a module imports, static, dynamic or for types only. Packages are nobody's rule. */
function importsOf({ path, text }: Source): readonly string[] {
  const code = text.replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '');
  const specifiers = code.matchAll(/(?:\bfrom\s*|\bimport\s*\(?\s*)(['"])([^'"\n]+)\1/g);
  return [...specifiers]
    .map(([, , specifier = '']) => specifier)
    .filter((specifier) => specifier.startsWith('.'))
    .map((specifier) => posix.join(posix.dirname(path), specifier));
}

/** Every breach of the rules, as sentences. */
function breaches(all: readonly Source[]): readonly string[] {
  const sources = all.filter(({ path }) => !outside.has(folderOf(path)));
  const graph = new Map(sources.map((source) => [source.path, importsOf(source)]));
  return [
    ...[...graph].flatMap(([path, targets]) => targets.flatMap((target) => breach(path, target))),
    ...circles(graph).map((circle) => `import circle: ${circle.join(' → ')}`),
    ...sources.filter(({ path }) => /(^|\/)index\.ts$/.test(path)).map(({ path }) => `${path} is a barrel file`),
    ...sources.filter(isReExport).map(({ path }) => `${path} passes another file's exports on`),
  ];
}

function breach(path: string, target: string): readonly string[] {
  const from = folderOf(path);
  const to = folderOf(target);
  if (from === to) return [];
  if (outside.has(to)) return [`${path} imports ${target}: ${to} is for no program`];
  if (roof.has(from)) return [];
  const allowed = mayImport[from];
  if (allowed === undefined) return [`${path}: ${from} has no import rule`];
  return allowed.includes(to)
    ? []
    : [`${path} imports ${target}: ${from} may import ${allowed.join(', ') || 'nothing'}`];
}

function folderOf(path: string): string {
  return path.split('/')[0] ?? path;
}

function isReExport({ text }: Source): boolean {
  return /^\s*export\s+(type\s+)?(\*|\{[^}]*\})\s*(as\s+\w+\s+)?from\b/m.test(text);
}

/** One circle for every edge that closes one, found depth first. */
function circles(graph: ReadonlyMap<string, readonly string[]>): readonly (readonly string[])[] {
  const found: (readonly string[])[] = [];
  const finished = new Set<string>();
  const visit = (path: string, way: readonly string[]): void => {
    const start = way.indexOf(path);
    if (start >= 0) {
      found.push([...way.slice(start), path]);
      return;
    }
    if (finished.has(path)) return;
    for (const target of graph.get(path) ?? []) visit(target, [...way, path]);
    finished.add(path);
  };
  for (const path of graph.keys()) visit(path, []);
  return found;
}

function repositoryRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!readdirSync(folder).includes('package.json')) folder = dirname(folder);
  return folder;
}

function readSources(root: string, folder = ''): readonly Source[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = posix.join(folder, entry.name);
    if (entry.isDirectory()) {
      const isOurs = !/^(\.|dist|node_modules)/.test(entry.name);
      return isOurs ? readSources(root, path) : [];
    }
    const isSource = entry.name.endsWith('.ts') && !entry.name.endsWith('.d.ts');
    return isSource ? [{ path, text: readFileSync(join(root, path), 'utf8') }] : [];
  });
}

describe('The import rules', () => {
  const sources = readSources(repositoryRoot());
  const programs = sources.filter(({ path }) => !outside.has(folderOf(path)));

  it('are kept by every source file', () => {
    expect(breaches(sources)).to.deep.equal([]);
  });

  it('are checked over files and imports that exist', () => {
    const paths = new Set(sources.map(({ path }) => path));
    expect(paths).to.include.members(['domain/submission/decide.ts', 'machines/submission-machine.ts']);
    const imports = programs.flatMap((source) => importsOf(source).map((target) => `${source.path} → ${target}`));
    expect(imports).to.include('machines/submission-machine.ts → domain/submission/evolve.ts');
    const typescript = imports.filter((line) => line.endsWith('.ts')).map((line) => line.split(' → ')[1] ?? '');
    expect(typescript.filter((target) => !paths.has(target) && !target.endsWith('.d.ts'))).to.deep.equal([]);
  });
});

describe('The check of the import rules', () => {
  const source = (path: string, ...imports: readonly string[]): Source => ({
    path,
    text: imports.map((specifier) => `import { x } from '${specifier}';`).join('\n'),
  });

  it('finds an import that a folder may not have', () => {
    const forbidden = [
      source('domain/a.ts', '../storage/b.ts'),
      source('verifier/a.ts', '../domain/b.ts'),
      source('machines/due/a.ts', '../../projections/b.ts'),
      source('projections/a.ts', '../machines/b.ts'),
      source('http/routes/a.ts', '../../gates/b.ts'),
      source('executor/a.ts', '../main.ts'),
      source('gates/a.ts', '../service/b.ts'),
      source('cli/a.ts', '../test/b.ts'),
      source('newcomer/a.ts', '../domain/b.ts'),
    ];
    for (const one of forbidden) expect(breaches([one]), one.path).to.have.length(1);
  });

  it('lets through what is allowed', () => {
    const allowed = [
      source('domain/a.ts', './b.ts', 'zod', 'node:crypto'),
      source('http/routes/a.ts', '../../domain/b.ts', '../../projections/b.ts', '../app.ts'),
      source('main.ts', './service/core.ts'),
      source('service/a.ts', '../http/app.ts', '../machines/process-manager.ts'),
      source('cli/commands/serve.ts', '../../main.ts', '../../storage/open-storage.ts'),
      source('test/a.test.ts', '../gates/b.ts'),
    ];
    expect(breaches(allowed)).to.deep.equal([]);
  });

  it('sees types, dynamic imports, bare imports and imports over several lines, and no comment', () => {
    const text = `
      import type { A } from './a.ts';
      import './b.ts';
      import {
        C,
      } from "./c.ts";
      const d = await import('./d.ts');
      // import { e } from './e.ts';
      /* import { f } from './f.ts'; */
    `;
    expect(importsOf({ path: 'domain/x.ts', text })).to.deep.equal(
      ['a', 'b', 'c', 'd'].map((name) => `domain/${name}.ts`),
    );
  });

  it('finds a circle of any length, once', () => {
    const circle = [source('domain/a.ts', './b.ts'), source('domain/b.ts', './c.ts'), source('domain/c.ts', './a.ts')];
    expect(breaches(circle)).to.deep.equal(['import circle: domain/a.ts → domain/b.ts → domain/c.ts → domain/a.ts']);
    expect(breaches([source('domain/a.ts', './b.ts', './c.ts'), source('domain/b.ts', './c.ts')])).to.deep.equal([]);
  });

  it('finds barrel files and exports passed on', () => {
    expect(breaches([source('domain/index.ts')])).to.have.length(1);
    for (const line of ["export * from './b.ts';", "export { b } from './b.ts';", "export type { B } from './b.ts';"]) {
      expect(breaches([{ path: 'domain/a.ts', text: line }]), line).to.have.length(1);
    }
  });
});

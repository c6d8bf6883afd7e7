import type { Modules } from '../role-files.ts';

/*
 * The inspector reads modules one by one, so a name of another module of the bundle ends there: `helpers.py::h.load`. Here
 * it is followed on: `helpers.py` binds `h` to `torch.hub`, so it leads to `torch.hub.load`.
 */

/** Where names lead once they are followed through the bundle's own modules. */
export function nameTracer(modules: Modules): (name: string) => readonly string[] {
  const known = new Map<string, readonly string[]>();
  return (name) => {
    if (!name.includes('::')) return [name];
    const traced = known.get(name) ?? [...new Set(trace(name, modules, new Set()))];
    known.set(name, traced);
    return traced;
  };
}

function trace(name: string, modules: Modules, passed: Set<string>): readonly string[] {
  if (!name.includes('::')) return [name];
  if (passed.has(name)) return [];
  passed.add(name);
  const [place = '', chain = ''] = name.split('::');
  const [first = '', ...rest] = chain.split('.');
  if (first === '' || first === '*') return [];
  return targets(place, first, modules, rest.length > 0).flatMap((target) =>
    rest.length === 0 ? trace(target, modules, passed) : trace(joined(target, rest.join('.')), modules, passed),
  );
}

/** What `first` stands for in the module or folder at `place`; an object that nobody knows where that isn't said. */
function targets(place: string, first: string, modules: Modules, hasMore: boolean): readonly string[] {
  const exported = modules.get(place)?.exports;
  if (exported !== undefined && Object.hasOwn(exported, first)) return exported[first] ?? [];
  const inner = submodule(place, first, modules);
  if (inner !== null) return [inner];
  const starred = starsOf(place, modules).map((star) => joined(star, first));
  return [...starred, ...(hasMore ? ['?'] : [])];
}

function submodule(place: string, name: string, modules: Modules): string | null {
  const folder = place.replace(/(^|\/)__init__\.py$/, '$1').replace(/^\.\//, '');
  if (folder !== '' && !folder.endsWith('/')) return null;
  if (modules.has(`${folder}${name}/__init__.py`)) return `${folder}${name}/__init__.py::`;
  if (modules.has(`${folder}${name}.py`)) return `${folder}${name}.py::`;
  return [...modules.keys()].some((path) => path.startsWith(`${folder}${name}/`)) ? `${folder}${name}/::` : null;
}

/** The modules that a module imports all names of. */
function starsOf(place: string, modules: Modules): readonly string[] {
  const uses = modules.get(place)?.uses ?? [];
  return uses
    .filter(({ node, name }) => node === 'ImportFrom' && name.endsWith('*'))
    .map(({ name }) => name.replace(/\.?\*$/, ''));
}

function joined(target: string, rest: string): string {
  return target.endsWith('::') ? `${target}${rest}` : `${target}.${rest}`;
}

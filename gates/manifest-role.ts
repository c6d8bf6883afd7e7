import { declared, type Reading, shown } from './manifest-reading.ts';
import { isMapping, type ManifestMapping } from './manifest-yaml.ts';

export type DeclaredRole = {
  readonly entrypoint: string;
  readonly symbol: string;
  /** Extra files of the fingerprint, as declared. */
  readonly files: readonly string[];
};

export type Role = 'architecture' | 'training';

const defaults: Readonly<Record<Role, DeclaredRole>> = {
  architecture: { entrypoint: 'architecture.py', symbol: 'build_model', files: [] },
  training: { entrypoint: 'training.py', symbol: 'train', files: [] },
};
const symbolKeys = ['factory', 'function', 'entry'] as const;
const identifier = /^[\p{XID_Start}_]\p{XID_Continue}*$/u;

export function readRole(reading: Reading, role: Role): DeclaredRole {
  const section = declared(reading.manifest.values, role) ?? new Map();
  if (!isMapping(section)) {
    reading.report(
      'prism:contract-manifest-value',
      reading.manifest.placeOf([role]),
      `\`${role}\` must be a mapping, and is ${shown(section)}.`,
    );
    return defaults[role];
  }
  const script = readEntrypoint(reading, role, section);
  if (script === null) return defaults[role];
  if (!reading.files.has(script.entrypoint)) {
    const isDeclared = declared(section, 'entrypoint') !== undefined;
    reading.report(
      'prism:contract-script-missing',
      isDeclared ? reading.manifest.placeOf([role, 'entrypoint']) : { path: script.entrypoint },
      `${script.entrypoint} (${role}).${nestingHint(reading, script.entrypoint)}`,
    );
  }
  return {
    entrypoint: script.entrypoint,
    symbol: readSymbol(reading, role, section, script.symbol),
    files: readFiles(reading, role, section),
  };
}

type Script = { readonly entrypoint: string; readonly symbol: string | null };

function readEntrypoint(reading: Reading, role: Role, section: ManifestMapping): Script | null {
  const value = declared(section, 'entrypoint');
  if (value === undefined) return { entrypoint: defaults[role].entrypoint, symbol: null };
  const [entrypoint, symbol, ...rest] = typeof value === 'string' ? value.split('::') : [];
  if (entrypoint === undefined || !entrypoint.endsWith('.py') || symbol === '' || rest.length > 0) {
    reading.report(
      'prism:contract-entrypoint',
      reading.manifest.placeOf([role, 'entrypoint']),
      `It is ${shown(value)}.`,
    );
    return null;
  }
  return { entrypoint: bundlePath(entrypoint), symbol: symbol ?? null };
}

/** `./x.py` names the file `x.py`; other detours are no path of a bundle. */
function bundlePath(path: string): string {
  return path.replace(/^(\.\/)+/, '');
}

/** The ways to declare a symbol (`::symbol`, factory, function, entry) may repeat each other, and must not differ. */
function readSymbol(reading: Reading, role: Role, section: ManifestMapping, inEntrypoint: string | null): string {
  const declarations = [{ key: 'entrypoint', value: inEntrypoint ?? undefined }].concat(
    symbolKeys.map((key) => ({ key, value: symbolText(reading, role, section, key) })),
  );
  const given = declarations.filter((each): each is { key: string; value: string } => each.value !== undefined);
  const [first] = given;
  if (first === undefined) return defaults[role].symbol;
  if (given.some((each) => each.value !== first.value)) {
    const listing = given.map((each) => `${each.key}: ${shown(each.value)}`).join(', ');
    reading.report('prism:contract-symbol-conflict', reading.manifest.placeOf([role]), `${role} has ${listing}.`);
  }
  if (!identifier.test(first.value)) {
    reading.report(
      'prism:contract-symbol-name',
      reading.manifest.placeOf([role, first.key]),
      `It is ${shown(first.value)}.`,
    );
  }
  // Python compares identifiers in this form.
  return first.value.normalize('NFKC');
}

function symbolText(reading: Reading, role: Role, section: ManifestMapping, key: string): string | undefined {
  const value = declared(section, key);
  if (value === undefined || typeof value === 'string') return value;
  reading.report(
    'prism:contract-manifest-value',
    reading.manifest.placeOf([role, key]),
    `\`${role}.${key}\` must be a text, and is ${shown(value)}.`,
  );
  return undefined;
}

function readFiles(reading: Reading, role: Role, section: ManifestMapping): readonly string[] {
  const value = declared(section, 'files');
  if (value === undefined) return [];
  const list: readonly unknown[] = Array.isArray(value) ? value : [value];
  const paths: string[] = [];
  for (const path of list) {
    if (typeof path !== 'string') {
      reading.report(
        'prism:contract-manifest-value',
        reading.manifest.placeOf([role, 'files']),
        `\`${role}.files\` must be a path or a list of paths, and holds ${shown(path)}.`,
      );
    } else if (!reading.files.has(bundlePath(path))) {
      reading.report(
        'prism:contract-declared-file-missing',
        reading.manifest.placeOf([role, 'files']),
        `${shown(path)} (${role}).`,
      );
    } else {
      paths.push(bundlePath(path));
    }
  }
  return [...new Set(paths)];
}

/** The usual slip: the folder was zipped, not what is in it. */
function nestingHint(reading: Reading, script: string): string {
  const nested = [...reading.files.keys()].find(
    (path) => path.endsWith(`/${script}`) && path.split('/').length === script.split('/').length + 1,
  );
  return nested === undefined
    ? ''
    : ` There is ${nested}: paths are kept as they are, so zip the contents of that folder.`;
}

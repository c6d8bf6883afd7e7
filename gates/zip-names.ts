import { bundleLimits, bundleSuffixes, type Refusal, refuse } from './zip-rules.ts';

const archiveSuffixes = /\.(zip|whl|egg|jar|tar|gz|tgz|bz2|xz|lzma|zst|lz4|7z|rar)$/i;

/** The rules that one path must keep, whether it comes from an archive or from a directory. `folder` paths end in `/`. */
export function checkPath(path: string, folder: boolean): Refusal | null {
  const bare = folder ? path.replace(/\/$/, '') : path;
  const segments = bare.split('/');
  if (/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u.test(path)) return refuse('prism:zip-control-character', path);
  if (path.includes('\\')) return refuse('prism:zip-backslash', path);
  if (path.startsWith('/')) return refuse('prism:zip-absolute-path', path);
  if (path.includes(':')) return refuse('prism:zip-drive-letter', path);
  if (segments.includes('..')) return refuse('prism:zip-parent-path', path);
  if (segments.some((segment) => segment === '' || segment === '.')) return refuse('prism:zip-path-form', path);
  if (Buffer.byteLength(path) > bundleLimits.pathBytes) return refuse('prism:zip-path-form', path);
  return folder ? null : checkSuffix(path);
}

function checkSuffix(path: string): Refusal | null {
  if (archiveSuffixes.test(path)) return refuse('prism:zip-nested-archive', path);
  // NOTE: case-sensitive on purpose: Python imports no `.PY`, so such a file would be source that no gate parses.
  const name = path.slice(path.lastIndexOf('/') + 1);
  const known = bundleSuffixes.some((suffix) => name.endsWith(suffix) && name.length > suffix.length);
  return known ? null : refuse('prism:zip-suffix', path);
}

/**
 * Finds paths that some file system or Python itself would take for the same (case, Unicode compatibility forms: Python
 * normalises identifiers by NFKC), folders on the way included, and files that are also folders.
 */
export function checkCollisions(paths: readonly { readonly path: string; readonly folder: boolean }[]): Refusal | null {
  const seen = new Map<string, { readonly path: string; readonly folder: boolean; readonly listed: boolean }>();
  for (const listed of paths) {
    for (const step of stepsOf(listed)) {
      const key = foldedKey(step.path);
      const earlier = seen.get(key);
      if (earlier !== undefined) {
        const refusal = compare(earlier, step);
        if (refusal !== null) return refusal;
      }
      seen.set(key, earlier === undefined ? step : { ...step, listed: step.listed || earlier.listed });
    }
  }
  return null;
}

type Step = { readonly path: string; readonly folder: boolean; readonly listed: boolean };

function* stepsOf(entry: { readonly path: string; readonly folder: boolean }): Generator<Step> {
  const bare = entry.path.replace(/\/$/, '');
  for (let at = bare.indexOf('/'); at !== -1; at = bare.indexOf('/', at + 1)) {
    yield { path: bare.slice(0, at), folder: true, listed: false };
  }
  yield { path: bare, folder: entry.folder, listed: true };
}

function compare(earlier: Step, later: Step): Refusal | null {
  if (earlier.path !== later.path) return refuse('prism:zip-duplicate', later.path, `The other one: ${earlier.path}`);
  if (earlier.folder !== later.folder) return refuse('prism:zip-file-as-folder', later.path);
  return earlier.listed && later.listed ? refuse('prism:zip-duplicate', later.path) : null;
}

function foldedKey(path: string): string {
  return path.normalize('NFKC').toUpperCase().toLowerCase().normalize('NFKC');
}

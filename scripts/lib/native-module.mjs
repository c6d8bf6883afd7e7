// The one package that is compiled, better-sqlite3, and the headers that it is compiled against.
//
// From 24.19 on, the destructor of Node's `ObjectWrap` asks for the current environment, and aborts the process where
// there is none: in a garbage collection outside of JavaScript, of a statement that better-sqlite3 12 made. That code
// is in the header, so a build against the headers of 24.18, whose binary interface is the same, doesn't have it.
import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { cachePath, repositoryRoot } from './cache.mjs';
import { run } from './process.mjs';
import { step } from './steps.mjs';

const BINARY = path.join(repositoryRoot, 'node_modules/better-sqlite3/build/Release/better_sqlite3.node');
const SAFE_HEADERS = '24.18.1';
const ABORTING_SYMBOL = 'RemoveEnvironmentCleanupHook';

/** Whether this Node's own headers would put the aborting destructor into a native module. */
export function hasAbortingHeaders(version = process.versions.node) {
  const [major, minor] = version.split('.').map(Number);
  return major === 24 && minor >= 19;
}

/** Whether the compiled module would abort under this Node. False where nothing is compiled yet. */
export async function nativeModuleAborts() {
  if (!hasAbortingHeaders()) return false;
  return (await readFile(BINARY).catch(() => Buffer.alloc(0))).includes(ABORTING_SYMBOL);
}

/** Environment for `npm ci`: which headers to compile against, where the default would be slow or wrong. */
export async function headersEnvironment() {
  if (hasAbortingHeaders()) return { npm_config_nodedir: await safeHeaders() };
  if (process.env.npm_config_nodedir) return {};
  const prefix = path.resolve(realpathSync(process.execPath), '../..');
  // Headers beside the binary spare the download that a native build starts with.
  return versionOfHeaders(prefix) === process.versions.node ? { npm_config_nodedir: prefix } : {};
}

/** Node's own npm package carries the headers of its version. */
async function safeHeaders() {
  const name = `node-${process.platform}-${process.arch}`;
  const folder = cachePath(`headers-${SAFE_HEADERS}`);
  const prefix = path.join(folder, 'node_modules', name);
  if (versionOfHeaders(prefix) === SAFE_HEADERS) return prefix;
  await step(`fetching the headers of Node ${SAFE_HEADERS}`, () =>
    run('npm', ['install', '--no-audit', '--no-fund', '--no-save', '--prefix', folder, `${name}@${SAFE_HEADERS}`], {
      log: 'headers',
      cwd: repositoryRoot,
    }),
  );
  return prefix;
}

function versionOfHeaders(prefix) {
  const header = path.join(prefix, 'include/node/node_version.h');
  if (!existsSync(header)) return null;
  const text = readFileSync(header, 'utf8');
  return ['MAJOR', 'MINOR', 'PATCH']
    .map((part) => new RegExp(`#define NODE_${part}_VERSION (\\d+)`).exec(text)?.[1])
    .join('.');
}

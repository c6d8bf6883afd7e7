// npm's packages and the compiled program, made anew only when what they are made from has changed.
import { readdir, readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { cachePath, readJson, repositoryRoot, sha256, writeWhole } from './lib/cache.mjs';
import { withLock } from './lib/lock.mjs';
import { headersEnvironment, nativeModuleAborts } from './lib/native-module.mjs';
import { capture, run } from './lib/process.mjs';
import { step } from './lib/steps.mjs';

const BUILD_MARK = path.join(repositoryRoot, 'dist', '.sources.sha256');
const NOT_SOURCES = new Set(['node_modules', 'gpu-runner', 'scripts', 'docs']);

/** Runs `npm ci` unless node_modules holds exactly what the lock file says and its native module loads in this Node. */
export async function ensurePackages() {
  if (await packagesAreCurrent()) return;
  await withLock(cachePath('locks', 'build'), async () => {
    if (await packagesAreCurrent()) return;
    const env = await headersEnvironment();
    await step('installing npm packages (better-sqlite3 is compiled, which takes a minute or two)', () =>
      run('npm', ['ci', '--no-audit', '--no-fund'], { log: 'npm-ci', cwd: repositoryRoot, env }),
    );
  });
}

/** Runs `npm run build` when a source, or what the build is configured by, isn't what dist/ was built from. */
export async function ensureBuild() {
  if (await buildIsCurrent()) return;
  await withLock(cachePath('locks', 'build'), async () => {
    if (await buildIsCurrent()) return;
    const digest = await sourcesDigest();
    await step('compiling', async () => {
      // Anew, since a compiler leaves what became of files that are gone, tests among them.
      await rm(path.join(repositoryRoot, 'dist'), { recursive: true, force: true });
      await run('npm', ['run', '--silent', 'build'], { log: 'build', cwd: repositoryRoot });
    });
    await writeWhole(BUILD_MARK, digest);
  });
}

async function packagesAreCurrent() {
  const wanted = await readJson(path.join(repositoryRoot, 'package-lock.json'));
  const installed = await readJson(path.join(repositoryRoot, 'node_modules', '.package-lock.json'));
  if (!installed || !isInstalled(wanted.packages, installed.packages) || (await nativeModuleAborts())) return false;
  const probe = "new (require('better-sqlite3'))(':memory:').close()";
  return capture(process.execPath, ['-e', probe], { cwd: repositoryRoot }).then(
    () => true,
    () => false,
  );
}

/** Whether npm's record of node_modules agrees with a lock file: same versions and bytes, nothing else, optional ones apart. */
export function isInstalled(wanted, installed) {
  const same = (name) =>
    installed[name]?.version === wanted[name]?.version && installed[name]?.integrity === wanted[name]?.integrity;
  const needed = Object.keys(wanted).filter((name) => name !== '' && !wanted[name].optional);
  return needed.every(same) && Object.keys(installed).every(same);
}

async function buildIsCurrent() {
  const built = await readFile(BUILD_MARK, 'utf8').catch(() => null);
  return built === (await sourcesDigest());
}

async function sourcesDigest() {
  const files = (await sourceFiles('')).sort();
  const lines = await Promise.all(
    files.map(async (name) => `${sha256(await readFile(path.join(repositoryRoot, name)))} ${name}\n`),
  );
  return sha256(lines.join(''));
}

/** Everything the build may read: TypeScript and what configures it, in every folder that isn't somebody else's. */
async function sourceFiles(folder) {
  const entries = await readdir(path.join(repositoryRoot, folder), { withFileTypes: true });
  const nested = await Promise.all(
    entries.map((entry) => {
      const name = folder ? `${folder}/${entry.name}` : entry.name;
      if (entry.isDirectory())
        return entry.name.startsWith('.') || entry.name.startsWith('dist') || NOT_SOURCES.has(name)
          ? []
          : sourceFiles(name);
      return /\.tsx?$/.test(name) || /^(package(-lock)?|tsconfig[^/]*)\.json$/.test(name) ? [name] : [];
    }),
  );
  return nested.flat();
}

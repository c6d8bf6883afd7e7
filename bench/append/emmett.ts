import { execFile, fork } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { withBenchFolder } from '../bench-folder.ts';

/** No licence goes with it, so it is never a dependency: the bench installs it beside the project, for itself. */
const packages = [
  '@event-driven-io/emmett@0.42.0',
  '@event-driven-io/emmett-sqlite@0.42.4',
  'async-retry@1.3.3',
  'uuid@10.0.0',
  'sqlite3@5.1.7',
];

/** Installs Emmett's SQLite store into the cache, once. sqlite3 may have to be compiled, which takes a minute. Returns the folder. */
export async function installEmmett(): Promise<string> {
  const folder = join(resolve(process.env.PRISM_CACHE ?? '.cache'), 'bench', 'emmett');
  const mark = join(folder, 'installed.json');
  if (!existsSync(mark)) {
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, 'package.json'), '{ "private": true, "allowScripts": { "sqlite3": true } }\n');
    process.stderr.write('installing emmett-sqlite for the bench\n');
    const flags = ['install', '--no-audit', '--no-fund', '--legacy-peer-deps', '--save-exact'];
    await promisify(execFile)('npm', [...flags, ...packages], { cwd: folder });
    await writeFile(mark, JSON.stringify(packages));
  }
  return folder;
}

const triesARound = 5;

/**
 * Events a second, in a process of its own: now and then Emmett throws `SQLITE_BUSY` where nobody can catch it, and the
 * round is run again.
 */
export async function emmett(installed: string, count: number): Promise<number> {
  for (let tries = 1; ; tries += 1) {
    const figure = await withBenchFolder((folder) => runLoop(installed, folder, count));
    if (figure !== null) return figure;
    if (tries === triesARound) throw new Error(`emmett died ${tries} times in a row`);
    process.stderr.write('emmett died in a round, which is run again\n');
  }
}

async function runLoop(installed: string, folder: string, count: number): Promise<number | null> {
  const program = join(import.meta.dirname, 'emmett-loop.js');
  const child = fork(program, [installed, folder, String(count)], { stdio: ['ignore', 'ignore', 'ignore', 'ipc'] });
  let figure: number | null = null;
  child.on('message', (message) => {
    if (typeof message === 'number') figure = message;
  });
  await once(child, 'exit');
  return figure;
}

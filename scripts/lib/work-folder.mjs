// Folders to build things in, gone afterwards; also those of processes that were killed before they could tidy up.
import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { cachePath } from './cache.mjs';
import { isAlive, run } from './process.mjs';

let made = 0;

/** Runs `work(folder)` with a new folder under <cache>/build, and removes it. */
export async function withWorkFolder(name, work) {
  await removeAbandoned();
  made += 1;
  const folder = cachePath('build', `${name}-${made}.${process.pid}`);
  await mkdir(folder, { recursive: true });
  try {
    return await work(folder);
  } finally {
    await removeTree(folder);
  }
}

async function removeAbandoned() {
  for (const name of await readdir(cachePath('build')).catch(() => [])) {
    const pid = Number(path.extname(name).slice(1));
    if (!isAlive({ pid, start: null })) await removeTree(cachePath('build', name));
  }
}

/** debootstrap mounts /proc in what it makes, and one that was killed leaves it mounted: nothing is removed through a mount. */
async function removeTree(folder) {
  const mounts = await readFile('/proc/self/mounts', 'utf8').catch(() => '');
  const below = mounts
    .split('\n')
    .map((line) => line.split(' ')[1])
    .filter((point) => point?.startsWith(`${folder}/`));
  for (const point of below.reverse()) await run('umount', [point]);
  await rm(folder, { recursive: true, force: true });
}

// A lock between processes, made of numbered files.
//
// `<folder>/<n>` names the n-th holder; the highest number counts. A process that finds the highest one released or
// its holder dead links its own file under the next number: link() is atomic, and a number is taken once. The holder
// removes lower numbers only, so the highest one never disappears; a process that was slow enough to take a number
// below it notices the higher one after its link and stands back. That makes taking over from a dead holder safe,
// which removing a stale lock file is not.
import { link, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { writeWhole } from './cache.mjs';
import { identify, isAlive } from './process.mjs';
import { say } from './steps.mjs';

const POLL_MS = 100;

/** Runs `work` while holding the lock `folder`; waits for as long as another live process holds it. */
export async function withLock(folder, work) {
  await mkdir(folder, { recursive: true });
  const held = await acquire(folder);
  try {
    return await work();
  } finally {
    await writeWhole(held, JSON.stringify({ released: true }));
  }
}

async function acquire(folder) {
  let announced = false;
  for (;;) {
    const { held, holder } = await tryAcquire(folder);
    if (held) return held;
    if (holder && !announced) {
      say(`waiting for process ${holder.pid}, which holds ${folder}`);
      announced = true;
    }
    await delay(POLL_MS);
  }
}

async function tryAcquire(folder) {
  const highest = await highestNumber(folder);
  const holder = highest === 0 ? null : await liveHolder(path.join(folder, String(highest)));
  if (holder) return { held: null, holder };
  const candidate = path.join(folder, `candidate-${process.pid}-${Math.random().toString(36).slice(2)}`);
  const held = path.join(folder, String(highest + 1));
  await writeFile(candidate, JSON.stringify(identify(process.pid)));
  try {
    await link(candidate, held);
  } catch (error) {
    if (error.code === 'EEXIST') return { held: null, holder: null };
    throw error;
  } finally {
    await rm(candidate, { force: true });
  }
  if ((await highestNumber(folder)) > highest + 1) {
    await rm(held, { force: true });
    return { held: null, holder: null };
  }
  for (const number of await numbers(folder)) {
    if (number <= highest) await rm(path.join(folder, String(number)), { force: true });
  }
  return { held, holder: null };
}

async function liveHolder(file) {
  let holder;
  try {
    holder = JSON.parse(await readFile(file, 'utf8'));
  } catch (error) {
    if (error.code === 'ENOENT') return { pid: 'unknown' };
    throw error;
  }
  return holder.released || !isAlive(holder) ? null : holder;
}

async function highestNumber(folder) {
  return Math.max(0, ...(await numbers(folder)));
}

async function numbers(folder) {
  return (await readdir(folder)).filter((name) => /^\d+$/.test(name)).map(Number);
}

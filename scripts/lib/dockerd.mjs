// The one Docker daemon that was started from here: starting it, knowing it again, stopping it.
//
// A daemon belongs to the machine, not to a checkout, so what is known of it lies in /run.
import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { cachePath, readJson, writeWhole } from './cache.mjs';
import { DEFAULT_SOCKET } from './docker-api.mjs';
import { findProgram, identify, isAlive, lastLines } from './process.mjs';
import { NotReadyError, say } from './steps.mjs';

const STATE = '/run/prism-engine';
const MARKER = path.join(STATE, 'engine.json');
const OWNERS = path.join(STATE, 'owners');
const PID_FILE = path.join(STATE, 'dockerd.pid');
export const ENGINE_LOCK = path.join(STATE, 'lock');

/** Our containers have no network: so neither a bridge nor a firewall rule is made on this machine. */
const ARGUMENTS = [
  ...['--host', `unix://${DEFAULT_SOCKET}`, '--pidfile', PID_FILE],
  ...['--bridge=none', '--iptables=false', '--ip-forward=false'],
];
const START_DEADLINE_MS = 60_000;
const STOP_DEADLINE_MS = 60_000;
const POLL_MS = 100;

/** Starts dockerd and waits until `answers()`; throws NotReadyError when it can't be brought up. */
export async function startDockerd(answers) {
  const log = cachePath('logs', 'dockerd.log');
  const failure = await launch(log, [], answers);
  if (failure) {
    // Leftovers of a killed containerd make the first start fail and the second succeed; a root file system that
    // overlayfs can't stack upon needs the plain driver.
    const extra = /graphdriver|overlay/i.test(failure) ? ['--storage-driver=vfs'] : [];
    say(`dockerd did not come up, once more ${extra.length ? `with ${extra[0]} (slower, needs more disk)` : ''}`);
    const second = await launch(log, extra, answers);
    if (second) {
      throw new NotReadyError(
        `dockerd does not start here:\n${second}`,
        `Read ${log}. It needs root, cgroups under /sys/fs/cgroup, and the right to mount file systems\n(a container needs --privileged). Or set DOCKER_HOST to an engine elsewhere.`,
      );
    }
  }
}

/** In a session of its own, so that nobody's Ctrl-C ends it. Null once it answers, else the end of its log. */
async function launch(log, extra, answers) {
  mkdirSync(path.dirname(log), { recursive: true });
  // Nothing of ours runs, or we wouldn't be here; a left-over pid file may name another program by now.
  await rm(PID_FILE, { force: true });
  const output = openSync(log, 'a');
  const child = spawn(await findProgram('dockerd'), [...ARGUMENTS, ...extra], {
    detached: true,
    stdio: ['ignore', output, output],
    cwd: '/',
  });
  closeSync(output);
  let ended = false;
  for (const event of ['exit', 'error']) {
    child.once(event, () => {
      ended = true;
    });
  }
  child.unref();
  // Before it answers: should we be killed meanwhile, it is still known to be ours.
  if (child.pid) await writeMarker({ ...identify(child.pid), keep: false });
  const deadline = Date.now() + START_DEADLINE_MS;
  while (!ended && Date.now() < deadline) {
    if (await answers()) return null;
    await delay(POLL_MS);
  }
  if (!ended) child.kill('SIGKILL');
  await rm(MARKER, { force: true });
  return lastLines(log, 12);
}

export async function stopDockerd(marker) {
  process.kill(marker.pid, 'SIGTERM');
  if (!(await goneWithin(marker, STOP_DEADLINE_MS))) {
    process.kill(marker.pid, 'SIGKILL');
    await goneWithin(marker, STOP_DEADLINE_MS);
  }
  await rm(MARKER, { force: true });
  await rm(OWNERS, { recursive: true, force: true });
}

async function goneWithin(marker, milliseconds) {
  const deadline = Date.now() + milliseconds;
  while (isAlive(marker) && Date.now() < deadline) await delay(POLL_MS);
  return !isAlive(marker);
}

/** `{pid, start, keep}` of the daemon started from here, if it still runs, else null. */
export async function liveMarker() {
  const marker = await readJson(MARKER);
  return marker && isAlive(marker) && isOurs(marker.pid) ? marker : null;
}

export function writeMarker(marker) {
  return writeWhole(MARKER, JSON.stringify(marker));
}

/** The command line must be that of a dockerd with our pid file: a marker is no licence to kill what has its number now. */
function isOurs(pid) {
  let words;
  try {
    words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
  } catch {
    return false;
  }
  return path.basename(words[0]) === 'dockerd' && words.includes(PID_FILE);
}

/** Processes that want the daemon to stay, by pid; those that have ended don't count. */
export async function liveOwners() {
  const names = await readdir(OWNERS).catch(() => []);
  const owners = await Promise.all(names.map((name) => readJson(path.join(OWNERS, name))));
  return owners.filter((owner) => owner && isAlive(owner));
}

export function addOwner(pid) {
  return writeWhole(path.join(OWNERS, String(pid)), JSON.stringify(identify(pid)));
}

export function removeOwner(pid) {
  return rm(path.join(OWNERS, String(pid)), { force: true });
}

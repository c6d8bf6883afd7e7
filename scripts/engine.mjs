#!/usr/bin/env node
// A Docker Engine to run attempts on.
//
//   node scripts/engine.mjs [status | start | release | stop [--force]]
//
// An engine that answers is used as it is. Otherwise, as root on Debian, the packages are installed and a `dockerd` is
// started. What was started here is stopped here, and nothing else: it runs for its owners (processes), and stops when
// the last live one releases it. `start` keeps it, owners or not, until `stop`.
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { aptInstall, isRoot, mayInstall } from './lib/debian.mjs';
import { DEFAULT_SOCKET, engineAddress, request, requestJson } from './lib/docker-api.mjs';
import {
  addOwner,
  ENGINE_LOCK,
  liveMarker,
  liveOwners,
  removeOwner,
  startDockerd,
  stopDockerd,
  writeMarker,
} from './lib/dockerd.mjs';
import { withLock } from './lib/lock.mjs';
import { findProgram } from './lib/process.mjs';
import { main, NotReadyError, say, step } from './lib/steps.mjs';

/** Long, since an engine behind socket activation starts on the first request. */
const PING_TIMEOUT_MS = 20_000;

const somebodyElses = { startedByUs: false, stop: async () => false };

/**
 * Makes sure that an engine answers, and registers `owner` (a pid) as wanting it.
 * `startedByUs` is true where the caller should call `stop()` once done; `stop()` does nothing otherwise.
 */
export async function ensureEngine({ owner = process.pid, keep = false } = {}) {
  if (!(await answers())) await mustBeStartable();
  else if (!isRoot() || !(await liveMarker())) return somebodyElses;
  // Asked again under the lock: its last owner may have been stopping it just now.
  return withLock(ENGINE_LOCK, async () => {
    if (!(await answers())) await startEngine();
    const marker = await liveMarker();
    if (!marker) return somebodyElses;
    if (keep) await writeMarker({ ...marker, keep });
    if (keep || marker.keep) return somebodyElses;
    await addOwner(owner);
    return { startedByUs: true, stop: () => releaseEngine({ owner }) };
  });
}

/** Gives up `owner`'s claim, and stops the engine if we started it and nobody else wants it. True if it was stopped. */
export async function releaseEngine({ owner = process.pid } = {}) {
  if (!(await liveMarker())) return false;
  return withLock(ENGINE_LOCK, async () => {
    await removeOwner(owner);
    const marker = await liveMarker();
    if (!marker || marker.keep || (await liveOwners()).length > 0) return false;
    await stopEngine(marker);
    return true;
  });
}

/** Whether an engine answers, its version, storage driver and cgroups, and the marker if it was started from here. */
export async function engineStatus() {
  const marker = await liveMarker();
  const error = await pingError();
  if (error) return { answers: false, error: error.message, marker };
  const { ServerVersion, Driver, CgroupVersion } = await requestJson('GET', '/info');
  return { answers: true, version: ServerVersion, storageDriver: Driver, cgroupVersion: CgroupVersion, marker };
}

async function answers() {
  return (await pingError()) === null;
}

async function pingError() {
  try {
    (await request('GET', '/_ping', { versioned: false, timeoutMs: PING_TIMEOUT_MS })).resume();
    return null;
  } catch (error) {
    if (error instanceof NotReadyError) throw error;
    return error;
  }
}

async function mustBeStartable() {
  const host = process.env.DOCKER_HOST;
  if (host && engineAddress().options.socketPath !== DEFAULT_SOCKET) {
    throw new NotReadyError(
      `DOCKER_HOST is '${host}', and no Docker Engine answers there.`,
      'Start that engine, or unset DOCKER_HOST to use (or start) one on this machine.',
    );
  }
  if (await mayInstall()) return;
  throw new NotReadyError(
    `No Docker Engine answers at ${DEFAULT_SOCKET}, and one can be started from here only by root on Debian.`,
    'Install Docker and start it (Debian and Ubuntu: apt-get install docker.io; elsewhere Docker Desktop),\nor set DOCKER_HOST to an engine, or run this again as root on Debian.',
  );
}

async function startEngine() {
  if (!(await findProgram('dockerd'))) {
    say('no Docker Engine here: installing Debian’s (docker.io), since this is Debian and we are root');
    await aptInstall(['docker.io', ...(kernelHasAppArmor() ? ['apparmor'] : [])]);
    // Under an init system the package has started the engine already.
    if (await answers()) return;
  }
  await step('starting a Docker Engine (dockerd)', () => startDockerd(answers));
  const { version, storageDriver, cgroupVersion } = await engineStatus();
  say(`Docker Engine ${version}, storage driver ${storageDriver}, cgroups v${cgroupVersion}`);
}

/** Then containers need its parser, which docker.io only recommends. */
function kernelHasAppArmor() {
  const enabled = '/sys/module/apparmor/parameters/enabled';
  return existsSync(enabled) && readFileSync(enabled, 'utf8').startsWith('Y');
}

function stopEngine(marker) {
  return step(`stopping the Docker Engine that was started here (process ${marker.pid})`, () => stopDockerd(marker));
}

async function stopCommand(force) {
  return withLock(ENGINE_LOCK, async () => {
    const marker = await liveMarker();
    if (!marker) {
      say('no engine of ours is running');
      return 0;
    }
    const others = (await liveOwners()).filter(({ pid }) => pid !== process.ppid);
    if (others.length > 0 && !force) {
      say(
        `still wanted by ${others.map(({ pid }) => `process ${pid}`).join(', ')}; stop --force stops it all the same`,
      );
      return 3;
    }
    await stopEngine(marker);
    return 0;
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await main(async ([command = 'status', flag]) => {
    if (command === 'stop') return stopCommand(flag === '--force');
    if (command === 'release') await releaseEngine({ owner: process.ppid });
    else if (command === 'start') await ensureEngine({ owner: process.ppid, keep: true });
    else if (command !== 'status')
      throw new NotReadyError(`unknown command '${command}'`, 'status, start, release, stop [--force]');
    const status = await engineStatus();
    process.stdout.write(`${JSON.stringify(status)}\n`);
    return status.answers || command === 'release' ? 0 : 1;
  });
}

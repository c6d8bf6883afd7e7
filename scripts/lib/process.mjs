// Other processes: who is alive, and running a command whose noise goes to a log unless it fails.
import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { access, constants } from 'node:fs/promises';
import path from 'node:path';
import { cachePath } from './cache.mjs';

/** A process by number and start: a number alone may by now belong to somebody else. `start` is null where /proc is missing. */
export function identify(pid) {
  return { pid, start: startOf(pid) };
}

export function isAlive({ pid, start }) {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if (error.code !== 'EPERM') return false;
  }
  return start === null || startOf(pid) === start;
}

/** Clock ticks from boot to the start of `pid` (field 22 of /proc/<pid>/stat); a zombie counts as gone. */
function startOf(pid) {
  let stat;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return null;
  }
  // The command name may hold spaces and parentheses, so fields are counted from the last one.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields[0] === 'Z' ? null : Number(fields[19]);
}

/** Absolute path of a program on PATH, or null. */
export async function findProgram(name) {
  // Daemons and debootstrap lie in sbin, which is on root's PATH only after a login.
  for (const folder of [...(process.env.PATH ?? '').split(path.delimiter), '/usr/local/sbin', '/usr/sbin', '/sbin']) {
    const candidate = path.join(folder || '.', name);
    const found = await access(candidate, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (found) return candidate;
  }
  return null;
}

/** A command that ran and failed; its own words are the message, and our stack adds nothing. */
export class CommandFailedError extends Error {
  constructor(command, args, ended, words) {
    super(`'${[command, ...args].join(' ')}' ended with ${ended}${words ? `:\n${words}` : ''}`);
    this.name = 'CommandFailedError';
  }
}

/**
 * Runs a command to its end. Output goes to `<cache>/logs/<log>.log`, or to our stderr with PRISM_VERBOSE=1.
 * Throws CommandFailedError with the log's last lines when the command fails.
 */
export async function run(command, args, { log, cwd, env } = {}) {
  const verbose = process.env.PRISM_VERBOSE === '1';
  const logFile = cachePath('logs', `${log ?? path.basename(command)}.log`);
  mkdirSync(path.dirname(logFile), { recursive: true });
  const output = verbose ? 2 : openSync(logFile, 'w');
  try {
    const ended = await waitFor(
      spawn(command, args, { cwd, env: { ...process.env, ...env }, stdio: ['ignore', output, output] }),
    );
    if (ended === 0) return;
    throw new CommandFailedError(
      command,
      args,
      ended,
      verbose ? '' : `${lastLines(logFile, 15)}\n(the whole log: ${logFile})`,
    );
  } finally {
    if (!verbose) closeSync(output);
  }
}

/** Standard output of a short command, trimmed; throws when it fails. */
export async function capture(command, args, { cwd, env } = {}) {
  const child = spawn(command, args, { cwd, env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  const chunks = [];
  const complaints = [];
  child.stdout.on('data', (chunk) => chunks.push(chunk));
  child.stderr.on('data', (chunk) => complaints.push(chunk));
  const ended = await waitFor(child);
  if (ended !== 0) throw new CommandFailedError(command, args, ended, Buffer.concat(complaints).toString().trim());
  return Buffer.concat(chunks).toString().trim();
}

/** Exit code, or the signal's name. Rejects when the command could not be started. */
export function waitFor(child) {
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => resolve(code ?? signal));
  });
}

export function lastLines(file, count) {
  return readFileSync(file, 'utf8').trimEnd().split('\n').slice(-count).join('\n');
}

import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** A system call of a traced program, in the order in which calls returned. Writes to fd 1 count when they began. */
export type SystemCall = {
  readonly name: string;
  readonly args: string;
  readonly result: number;
  /** Path the call's file descriptor was opened with, or the path in its arguments; null where unknown. */
  readonly path: string | null;
};

/** Whether `strace` can be had; installs it on a Debian machine where we may. */
export function haveStrace(): boolean {
  const works = () => spawnSync('strace', ['-qq', '-o', '/dev/null', 'true']).status === 0;
  if (works()) return true;
  if (process.getuid?.() !== 0) return false;
  spawnSync('apt-get', ['install', '-y', '-qq', 'strace'], { stdio: 'ignore' });
  return works();
}

const traced = 'openat,close,write,writev,pwrite64,pwritev,fdatasync,fsync,rename,renameat2,mkdir';

/** Runs a Node program under strace and returns its calls. */
export function traceProgram(program: string, args: readonly string[], traceFile: string): readonly SystemCall[] {
  const strace = ['-f', '-qq', '-s', '9000', '-e', `trace=${traced}`, '-o', traceFile];
  const run = spawnSync('strace', [...strace, process.execPath, program, ...args], { encoding: 'utf8' });
  if (run.status !== 0) throw new Error(`${program} exited with ${run.status}: ${run.stderr}`);
  return parseTrace(readFileSync(traceFile, 'latin1'));
}

export function parseTrace(text: string): readonly SystemCall[] {
  const begun = new Map<string, string>();
  const paths = new Map<string, string>();
  const calls: SystemCall[] = [];
  for (const line of text.split('\n')) {
    const [, thread = '', rest = ''] = /^(\d+)\s+(.*)$/.exec(line) ?? [];
    const unfinished = /^(.*) <unfinished \.\.\.>$/.exec(rest)?.[1];
    if (unfinished !== undefined) {
      // An acknowledgement counts from the moment it may have been seen.
      if (unfinished.startsWith('write(1, ')) calls.push(toCall(`${unfinished}) = 0`, paths));
      else begun.set(thread, unfinished);
      continue;
    }
    const resumed = /^<\.\.\. \w+ resumed>(.*)$/.exec(rest)?.[1];
    const whole = resumed === undefined ? rest : `${begun.get(thread) ?? ''}${resumed}`;
    if (/^\w+\(/.test(whole)) calls.push(toCall(whole, paths));
  }
  return calls;
}

function toCall(text: string, paths: Map<string, string>): SystemCall {
  const [, name = '', args = '', result = '-1'] = /^(\w+)\((.*)\)\s+= (-?\d+)/.exec(text) ?? [];
  const descriptor = /^\d+/.exec(args)?.[0];
  const named = /"([^"]*)"[^"]*$/.exec(args)?.[1] ?? null;
  if (name === 'openat') paths.set(result, named ?? '');
  const path = name === 'openat' || descriptor === undefined ? named : (paths.get(descriptor) ?? null);
  if (name === 'close' && descriptor !== undefined) paths.delete(descriptor);
  return { name, args, result: Number(result), path };
}

const isSync = ({ name, result }: SystemCall) => (name === 'fdatasync' || name === 'fsync') && result === 0;
const isWrite = ({ name }: SystemCall) => /^p?writev?(64)?$/.test(name);

/** Places of the writes of `ack <name>` to standard output. */
function acknowledgements(calls: readonly SystemCall[]): readonly { readonly name: string; readonly at: number }[] {
  return calls.flatMap((call, at) => {
    const name = call.name === 'write' ? /^1, "ack ([\w-]+)/.exec(call.args)?.[1] : undefined;
    return name === undefined ? [] : [{ name, at }];
  });
}

/** The names acknowledged before a write of them to the WAL was synced. Empty for a durable log that acknowledged anything. */
export function appendsAcknowledgedTooEarly(calls: readonly SystemCall[]): readonly string[] {
  const isWal = ({ path }: SystemCall) => path?.endsWith('-wal') ?? false;
  return acknowledgements(calls).flatMap(({ name, at }) => {
    const written = calls.findIndex((call) => isWal(call) && isWrite(call) && call.args.includes(`${name}\\"`));
    const lastWrite = calls.findLastIndex((call, index) => index < at && isWal(call) && isWrite(call));
    const synced = calls.findIndex((call, index) => index > lastWrite && isWal(call) && isSync(call));
    return written >= 0 && written <= lastWrite && synced >= 0 && synced < at ? [] : [name];
  });
}

/** How many times the WAL was synced between the first write of any of `names` and the last acknowledgement of them. */
export function walSyncsFor(calls: readonly SystemCall[], names: readonly string[]): number {
  const first = calls.findIndex((call) => isWrite(call) && names.some((name) => call.args.includes(`${name}\\"`)));
  const last = Math.max(...acknowledgements(calls).map(({ name, at }) => (names.includes(name) ? at : -1)));
  return calls.slice(first, last).filter((call) => isSync(call) && call.path?.endsWith('-wal')).length;
}

export type FileDurability = {
  readonly fileSynced: boolean;
  /** Folders synced after the rename and before the acknowledgement. */
  readonly foldersAfterRename: readonly string[];
  /** Folders synced at any time before the acknowledgement. */
  readonly folders: readonly string[];
};

/** What was on the disk when the program acknowledged `name`, which it had moved to a path that ends in `target`. */
export function fileDurability(calls: readonly SystemCall[], name: string, target: string): FileDurability {
  const ack = acknowledgements(calls).find((candidate) => candidate.name === name)?.at ?? -1;
  const renamed = calls.findIndex((call) => call.name.startsWith('rename') && call.args.includes(`${target}"`));
  const source = /"([^"]*)"/.exec(calls[renamed]?.args ?? '')?.[1] ?? 'none';
  const lastWrite = calls.findLastIndex((call) => call.path === source && isWrite(call));
  const synced = calls.findIndex((call, index) => index > lastWrite && call.path === source && isSync(call));
  const syncedPaths = (from: number) =>
    calls
      .slice(Math.max(0, from), ack)
      .filter(isSync)
      .map(({ path }) => path ?? '');
  return {
    fileSynced: lastWrite >= 0 && synced > lastWrite && synced < renamed && renamed < ack,
    foldersAfterRename: renamed < 0 ? [] : syncedPaths(renamed),
    folders: syncedPaths(0),
  };
}

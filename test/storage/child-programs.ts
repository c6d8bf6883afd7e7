import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** Starts a compiled program, with a pipe from its standard output. */
export function startProgram(file: URL, ...args: readonly (string | number)[]) {
  return spawn(process.execPath, [fileURLToPath(file), ...args.map(String)], { stdio: ['ignore', 'pipe', 'inherit'] });
}

export async function exitOf(child: ChildProcess): Promise<number | null> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  return child.exitCode;
}

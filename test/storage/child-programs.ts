import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** Starts one of `programs/`, with a pipe from its standard output. */
export function startProgram(name: string, ...args: readonly (string | number)[]) {
  const file = fileURLToPath(new URL(`programs/${name}.js`, import.meta.url));
  return spawn(process.execPath, [file, ...args.map(String)], { stdio: ['ignore', 'pipe', 'inherit'] });
}

export async function exitOf(child: ChildProcess): Promise<number | null> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  return child.exitCode;
}

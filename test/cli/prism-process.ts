import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { z } from 'zod';

const prism = join(import.meta.dirname, '../../cli/main.js');

const lineSchema = z.looseObject({ event: z.string().optional(), phase: z.string().optional() });
export type Line = z.infer<typeof lineSchema>;

export type PrismProcess = {
  /** What it prints with `--json`, as it comes. */
  readonly lines: AsyncIterable<Line>;
  kill(signal: NodeJS.Signals): void;
  /** Its exit code, or the signal that it died of. */
  readonly ended: Promise<number | NodeJS.Signals>;
};

/** `prism … --json` on a data folder, in a process of its own. */
export function startPrism(
  dataDir: string,
  parameters: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): PrismProcess {
  // All that it has of this process's environment.
  const machine = Object.fromEntries(Object.entries(process.env).filter(([name]) => /^(PATH|DOCKER_.*)$/.test(name)));
  const child = spawn(process.execPath, [prism, ...parameters, '--json'], {
    env: { ...machine, PRISM_DATA_DIR: dataDir, PRISM_EXECUTOR: 'off', ...environment },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  return { lines: linesOf(child), kill: (signal) => child.kill(signal), ended: endOf(child) };
}

async function endOf(child: ChildProcess): Promise<number | NodeJS.Signals> {
  const [code, signal]: unknown[] = await once(child, 'exit');
  return typeof code === 'number' ? code : z.custom<NodeJS.Signals>().parse(signal);
}

async function* linesOf(child: ChildProcess): AsyncGenerator<Line> {
  if (child.stdout === null) throw new Error('the process has no stdout');
  for await (const line of createInterface({ input: child.stdout })) yield lineSchema.parse(JSON.parse(line));
}

/** Runs a command to its end. */
export async function runPrism(
  dataDir: string,
  ...parameters: readonly string[]
): Promise<{ readonly exitCode: number | NodeJS.Signals; readonly lines: readonly Line[] }> {
  const { lines, ended } = startPrism(dataDir, parameters);
  const printed: Line[] = [];
  for await (const line of lines) printed.push(line);
  return { exitCode: await ended, lines: printed };
}

/**
 * The inspector as a process of this machine, for whoever checks a bundle of their own: it has the parser's limits, and no wall
 * around them. A service asks the container. Started with the first question, and asked one question at a time.
 */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { BundleMeter } from '../domain/ports/bundle-meter.ts';
import { type Inspector, InspectorUnavailableError } from '../domain/ports/inspector.ts';
import {
  answerLineBytes,
  asksInTurn,
  type InspectorAnswer,
  type InspectorQuestion,
  inspectorLine,
  parseInspectorAnswer,
} from './inspector-answer.ts';
import { lineSplitter } from './output-tap.ts';

export type InspectorProcessOptions = {
  /** A CPython of the evaluator image's version, or what it is found as. */
  readonly python: string;
  /** The folder of `prism_runner`. */
  readonly runnerFolder: string;
};

export function inspectorProcess(
  options: InspectorProcessOptions,
): Inspector & BundleMeter & { close(): Promise<void> } {
  let child: ChildProcessWithoutNullStreams | null = null;
  /** Of the question under way; null stands for a process that is gone. */
  let settle: (line: string | null) => void = () => {};
  let lastWords = '';
  let questions = 0;

  function start(): ChildProcessWithoutNullStreams {
    const started = spawn(options.python, ['-P', '-s', '-B', '-m', 'prism_runner', 'inspector'], {
      env: { ...process.env, PYTHONPATH: options.runnerFolder, PYTHONDONTWRITEBYTECODE: '1' },
    });
    started.stderr.on('data', (piece: Buffer) => {
      lastWords = `${lastWords}${piece}`.slice(-2_048);
    });
    started.on('error', (error) => {
      lastWords = error.message;
    });
    // A process that is gone shows by its answer's absence.
    started.stdin.on('error', () => {});
    started.stdout.on(
      'data',
      lineSplitter(answerLineBytes, (line) => settle(line)),
    );
    started.once('close', () => {
      child = null;
      settle(null);
    });
    return started;
  }

  async function ask(question: InspectorQuestion): Promise<InspectorAnswer> {
    child ??= start();
    questions += 1;
    const id = String(questions);
    const answer = new Promise<string | null>((resolve) => {
      settle = resolve;
    });
    child.stdin.write(inspectorLine(id, question));
    const line = await answer;
    if (line === null)
      throw new InspectorUnavailableError(`${options.python} gave no answer: ${lastWords.trim() || 'it ended'}`);
    return parseInspectorAnswer(line, id);
  }

  const { inspect, xzBytes, idle } = asksInTurn(ask);
  return {
    inspect,
    xzBytes,
    async close() {
      await idle();
      if (child === null || child.exitCode !== null || child.pid === undefined) return;
      child.stdin.end();
      await once(child, 'exit');
    },
  };
}

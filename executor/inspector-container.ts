/**
 * CPython's parser behind a wall: a long-lived container that reads submitted source and executes none of it
 * (PROTOCOL.md §5). Started with the first question, asked one question at a time, restarted when it crashes, hangs or
 * answers something else; a question that brought it down twice is `InspectorUnavailableError`, which says nothing
 * about the source.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { deriveId } from '../domain/ids.ts';
import type { BundleMeter } from '../domain/ports/bundle-meter.ts';
import { type Inspector, InspectorUnavailableError } from '../domain/ports/inspector.ts';
import type { ContainerEngine, Conversation } from './container-engine.ts';
import { inspectorCommand, inspectorOptions } from './container-options.ts';
import {
  answerLineBytes,
  asksInTurn,
  type InspectorAnswer,
  type InspectorQuestion,
  inspectorLine,
  parseInspectorAnswer,
} from './inspector-answer.ts';
import type { Logger } from './logger.ts';
import { outputTap } from './output-tap.ts';

export type InspectorOptions = {
  readonly engine: ContainerEngine;
  readonly imageId: string;
  readonly instance: string;
  readonly runtime?: string | null;
  readonly logger: Logger;
  /** For tests. */
  readonly command?: readonly string[];
  readonly answerLimitMs?: number;
};

const defaultAnswerLimitMs = 20_000;
const mostTries = 2;

/** A running container and the one question it may have before it. */
type Session = {
  readonly conversation: Conversation;
  /** Resolves with the next line; rejects when the container goes away first. */
  nextLine(): Promise<string>;
};

export function inspectorContainer(options: InspectorOptions): Inspector & BundleMeter & { close(): Promise<void> } {
  const { engine, logger } = options;
  const name = `prism-${deriveId('inspector', options.instance)}-inspector`;
  const answerLimitMs = options.answerLimitMs ?? defaultAnswerLimitMs;
  let session: Session | null = null;
  let questions = 0;
  let isClosed = false;

  async function open(): Promise<Session> {
    await engine.removeContainer(name); // One of an earlier life, or one that crashed.
    const plan = {
      name,
      instance: options.instance,
      imageId: options.imageId,
      command: options.command ?? inspectorCommand,
    };
    await engine.ensureContainer(inspectorOptions({ ...plan, runtime: options.runtime ?? null }));
    return openSession(engine, name);
  }

  async function drop(): Promise<void> {
    session?.conversation.detach();
    session = null;
    await engine.removeContainer(name);
  }

  async function askOnce(question: InspectorQuestion): Promise<InspectorAnswer> {
    session ??= await open();
    questions += 1;
    const id = String(questions);
    const answer = session.nextLine();
    session.conversation.write(inspectorLine(id, question));
    return parseInspectorAnswer(await within(answer, answerLimitMs), id);
  }

  async function ask(question: InspectorQuestion): Promise<InspectorAnswer> {
    for (let tries = 1; ; tries += 1) {
      if (isClosed) throw new InspectorUnavailableError('The inspector is closed.');
      try {
        return await askOnce(question);
      } catch (error) {
        logger.warn({ err: error, tries }, 'the inspector did not answer');
        await drop().catch((cause) => logger.warn({ err: cause }, 'the inspector could not be removed'));
        if (tries >= mostTries)
          throw new InspectorUnavailableError(`The inspector failed ${tries} times over one bundle.`, { cause: error });
      }
    }
  }

  const { inspect, xzBytes, idle } = asksInTurn(ask);
  return {
    inspect,
    xzBytes,
    async close() {
      isClosed = true;
      // A question under way is given up: its container is removed.
      await drop();
      await idle();
      await drop();
    },
  };
}

async function openSession(engine: ContainerEngine, name: string): Promise<Session> {
  let settle: { take(line: string): void; fail(error: Error): void } | null = null;
  let isGone = false;
  const tap = outputTap({
    tailBytes: 2_048,
    limitBytes: Number.POSITIVE_INFINITY,
    onLimit: () => {},
    onLine: (line) => settle?.take(line),
    lineBytes: answerLineBytes,
  });
  const conversation = await engine.converse(name, tap.stdout, tap.stderr);
  const gone = () => new Error(`The inspector ended. Its last words: ${tap.tail().toString().trim()}`);
  void conversation.closed.then(() => {
    isGone = true;
    settle?.fail(gone());
  });
  await engine.start(name);
  return {
    conversation,
    nextLine: () =>
      new Promise((resolve, reject) => {
        settle = { take: resolve, fail: reject };
        if (isGone) reject(gone());
      }),
  };
}

async function within(answer: Promise<string>, limitMs: number): Promise<string> {
  const done = new AbortController();
  const limit = delay(limitMs, undefined, { signal: done.signal }).then(() => {
    throw new Error(`No answer in ${limitMs} ms.`);
  });
  limit.catch(() => {});
  try {
    return await Promise.race([answer, limit]);
  } finally {
    done.abort();
  }
}

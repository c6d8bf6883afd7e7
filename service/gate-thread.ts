import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { ActivePolicy } from '../domain/policy/policy.ts';
import type { Blobs } from '../domain/ports/blobs.ts';
import type { GateResult } from '../domain/submission/commands.ts';
import type { LivingState } from '../domain/submission/state.ts';
import type { InspectorOptions } from '../executor/inspector-container.ts';
import type { Logger } from '../executor/logger.ts';
import type { BundleGateName } from '../gates/bundle-gates.ts';
import type { DuplicateGateAnswer } from '../gates/duplicates/duplicate-gate.ts';
import type { Gate } from '../machines/due/run-gates.ts';
import type { StorageLocation } from '../storage/open-storage.ts';

/** What the thread is started with: where bundles, read models and shipped examples are, and the container that parses. */
export type GateThreadPlan = {
  readonly storage: StorageLocation;
  readonly readModelsPath: string;
  readonly examplesFolder: string;
  readonly inspector: Pick<InspectorOptions, 'imageId' | 'instance'>;
};

export type ThreadGateName = BundleGateName | 'duplicate';
type ThreadGateAnswer = GateResult | DuplicateGateAnswer;

export type GateQuestion = {
  readonly id: number;
  readonly name: ThreadGateName;
  readonly state: LivingState;
  readonly policy: ActivePolicy;
};

/** What the thread says. An error goes as its name, message and stack: a clone of it would lose the name. */
export type GateMessage =
  | { readonly id: number; readonly result: ThreadGateAnswer }
  | { readonly id: number; readonly fault: { readonly name: string; readonly message: string; readonly stack: string } }
  | { readonly level: 'info' | 'warn' | 'error'; readonly fields: object; readonly text: string };

/** The thread ended with a question before it: our fault, and no verdict. */
export class GateThreadEndedError extends Error {
  override readonly name = 'GateThreadEndedError';
}

/** What went wrong in the thread, under its own name. */
class GateFaultError extends Error {
  constructor({ name, message, stack }: { name: string; message: string; stack: string }) {
    super(message);
    this.name = name;
    this.stack = stack;
  }
}

export type GateThread = { readonly byName: Readonly<Record<ThreadGateName, Gate>>; close(): Promise<void> };

type Asked = { resolve(result: ThreadGateAnswer): void; reject(error: Error): void };

/**
 * Gates in a thread of their own, so that reading a bundle, an inspector's answer and the rules over it never hold up whoever answers HTTP.
 * Started with the first question, started anew when it ended. It reads only: what is to be stored of its answers is stored here.
 */
export function gateThread(plan: GateThreadPlan, blobs: Pick<Blobs, 'put'>, logger: Logger): GateThread {
  let worker: Worker | null = null;
  let questions = 0;
  const open = new Map<number, Asked>();

  function start(): Worker {
    const started = new Worker(new URL('./gate-worker.js', import.meta.url), { workerData: plan });
    started.on('message', (message: GateMessage) => {
      if ('level' in message) return logger[message.level](message.fields, message.text);
      const asked = open.get(message.id);
      open.delete(message.id);
      if ('result' in message) asked?.resolve(message.result);
      else asked?.reject(new GateFaultError(message.fault));
    });
    started.on('error', (error) => logger.error({ err: error }, 'the thread of the gates broke down'));
    started.on('exit', () => {
      if (worker === started) worker = null;
      for (const [id, asked] of open) {
        open.delete(id);
        asked.reject(new GateThreadEndedError('the thread of the gates ended before it answered'));
      }
    });
    return started;
  }

  const ask =
    (name: ThreadGateName): Gate =>
    async (state, policy) => {
      const answer = await new Promise<ThreadGateAnswer>((resolve, reject) => {
        questions += 1;
        open.set(questions, { resolve, reject });
        worker ??= start();
        const question: GateQuestion = { id: questions, name, state, policy };
        worker.postMessage(question);
      });
      if (!('sets' in answer)) return answer;
      return { kind: 'sketched', sketch: { ...answer.sketch, shingles: await blobs.put(answer.sets) } };
    };

  return {
    byName: {
      ...{ contract: ask('contract'), static: ask('static'), distributed: ask('distributed') },
      duplicate: ask('duplicate'),
    },
    async close() {
      const ending = worker;
      if (ending === null) return;
      ending.postMessage('close');
      await once(ending, 'exit');
    },
  };
}

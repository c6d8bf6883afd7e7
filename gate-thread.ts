import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { ActivePolicy } from './domain/policy/policy.ts';
import type { GateResult } from './domain/submission/commands.ts';
import type { LivingState } from './domain/submission/state.ts';
import type { InspectorOptions } from './executor/inspector-container.ts';
import type { Logger } from './executor/logger.ts';
import type { BundleGateName } from './gates/bundle-gates.ts';
import type { StorageLocation } from './storage/open-storage.ts';

/** What the thread is started with: where bundles are, and the container that parses them. */
export type GateThreadPlan = {
  readonly storage: StorageLocation;
  readonly inspector: Pick<InspectorOptions, 'imageId' | 'instance'>;
};

export type GateQuestion = {
  readonly id: number;
  readonly name: BundleGateName;
  readonly state: LivingState;
  readonly policy: ActivePolicy;
};

/** What the thread says. An error goes as its name, message and stack: a clone of it would lose the name. */
export type GateMessage =
  | { readonly id: number; readonly result: GateResult }
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

type Gate = (state: LivingState, policy: ActivePolicy) => Promise<GateResult>;

export type GateThread = { readonly byName: Readonly<Record<BundleGateName, Gate>>; close(): Promise<void> };

type Asked = { resolve(result: GateResult): void; reject(error: Error): void };

/**
 * Gates in a thread of their own, so that reading a bundle, an inspector's answer and the rules over it never hold up whoever answers HTTP.
 * Started with the first question, started anew when it ended.
 */
export function gateThread(plan: GateThreadPlan, logger: Logger): GateThread {
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
    (name: BundleGateName): Gate =>
    (state, policy) =>
      new Promise((resolve, reject) => {
        questions += 1;
        open.set(questions, { resolve, reject });
        worker ??= start();
        const question: GateQuestion = { id: questions, name, state, policy };
        worker.postMessage(question);
      });

  return {
    byName: { contract: ask('contract'), static: ask('static'), distributed: ask('distributed') },
    async close() {
      const ending = worker;
      if (ending === null) return;
      ending.postMessage('close');
      await once(ending, 'exit');
    },
  };
}

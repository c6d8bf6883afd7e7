import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { GateName } from '../domain/submission/events.ts';
import type { Gate, GateAnswer } from '../machines/due/run-gates.ts';
import { type GateMessage, type GateRequest, toError, toFault } from './gate-messages.ts';
import type { GatePlan, GateSurroundings, OpenGates } from './gates.ts';
import { outstanding } from './outstanding.ts';

const toStop: GateRequest = { kind: 'stop' };
const toClose: GateRequest = { kind: 'close' };

/** The thread ended with a question before it: our fault, and no verdict. */
export class GateThreadEndedError extends Error {
  override readonly name = 'GateThreadEndedError';
}

/**
 * All gates in a thread of their own, so that nothing of what they read, parse, search or judge ever holds up whoever answers HTTP. Started
 * with the first question, started anew when it ended (the reviewer's circuit is closed again then). What is to be kept of its answers is
 * kept here, before they are given.
 */
export function gateThread(plan: GatePlan, { blobs, logger, stopping, onReviewer }: GateSurroundings): OpenGates {
  let worker: Worker | null = null;
  const asked = outstanding<GateAnswer>();
  stopping.addEventListener('abort', () => worker?.postMessage(toStop), { once: true });

  async function keep(
    asking: Worker,
    { id, content }: { readonly id: number; readonly content: Uint8Array },
  ): Promise<void> {
    const reply = (request: GateRequest) => asking.postMessage(request);
    try {
      reply({ kind: 'kept', id, reference: await blobs.put(content) });
    } catch (error) {
      reply({ kind: 'notKept', id, fault: toFault(error) });
    }
  }

  function start(): Worker {
    const started = new Worker(new URL('./gate-worker.js', import.meta.url), { workerData: plan });
    started.on('message', (message: GateMessage) => {
      if (message.kind === 'answered') asked.answer(message.id, message.answer);
      else if (message.kind === 'failed') asked.fail(message.id, toError(message.fault));
      else if (message.kind === 'keep') void keep(started, message);
      else if (message.kind === 'reviewer') onReviewer(message.notice);
      else logger[message.level](message.fields, message.text);
    });
    started.on('error', (error) => logger.error({ err: error }, 'the thread of the gates broke down'));
    started.on('exit', () => {
      worker = null;
      asked.failAll(new GateThreadEndedError('the thread of the gates ended before it answered'));
    });
    return started;
  }

  const ask =
    (gate: GateName): Gate =>
    async (state, policy) => {
      stopping.throwIfAborted();
      return asked.ask((id) => {
        worker ??= start();
        const request: GateRequest = { kind: 'asked', id, gate, state, policy };
        worker.postMessage(request);
      });
    };

  return {
    byName: {
      ...{ contract: ask('contract'), static: ask('static'), parameters: ask('parameters') },
      ...{ distributed: ask('distributed'), duplicate: ask('duplicate'), llm: ask('llm') },
    },
    async close() {
      const ending = worker;
      if (ending === null) return;
      ending.postMessage(toClose);
      await once(ending, 'exit');
    },
  };
}

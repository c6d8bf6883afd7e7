import { parentPort, workerData } from 'node:worker_threads';
import type { BlobReference } from '../domain/ports/blobs.ts';
import { type GateMessage, type GateRequest, toError, toFault } from './gate-messages.ts';
import { type GatePlan, openGates } from './gates.ts';
import { outstanding } from './outstanding.ts';

/** The thread behind `gate-thread.ts`: opens the gates and asks them, until it is told to close. */
const plan: GatePlan = workerData;
const stopping = new AbortController();
const kept = outstanding<BlobReference>();
const log = (level: 'info' | 'warn' | 'error') => (fields: object, text: string) =>
  say({ kind: 'log', level, fields: withPlainErrors(fields), text });

const gates = await openGates(plan, {
  blobs: { put: (content) => kept.ask((id) => say({ kind: 'keep', id, content })) },
  logger: { info: log('info'), warn: log('warn'), error: log('error') },
  stopping: stopping.signal,
  onReviewer: (notice) => say({ kind: 'reviewer', notice }),
});

parentPort?.on('message', (request: GateRequest) => {
  if (request.kind === 'asked') void answer(request);
  else if (request.kind === 'kept') kept.answer(request.id, request.reference);
  else if (request.kind === 'notKept') kept.fail(request.id, toError(request.fault));
  else if (request.kind === 'stop') stopping.abort();
  else void gates.close().finally(() => parentPort?.close());
});

async function answer({ id, gate, state, policy }: Extract<GateRequest, { kind: 'asked' }>): Promise<void> {
  try {
    say({ kind: 'answered', id, answer: await gates.byName[gate](state, policy) });
  } catch (error) {
    say({ kind: 'failed', id, fault: toFault(error) });
  }
}

function say(message: GateMessage): void {
  parentPort?.postMessage(message);
}

function withPlainErrors(fields: object): object {
  return Object.fromEntries(
    Object.entries(fields).map(([key, value]) => [key, value instanceof Error ? toFault(value) : value]),
  );
}

import { parentPort, workerData } from 'node:worker_threads';
import Docker from 'dockerode';
import { dockerEngine } from './executor/docker-engine.ts';
import { inspectorContainer } from './executor/inspector-container.ts';
import type { GateMessage, GateQuestion, GateThreadPlan } from './gate-thread.ts';
import { bundleReader } from './gates/bundle-reader.ts';
import { rememberingInspector } from './gates/read-modules.ts';
import { storedBundleGates } from './gates/run-gate.ts';
import { openStorage } from './storage/open-storage.ts';

/** The thread behind `gate-thread.ts`: reads bundles and asks the inspector for itself, until it is told to close. */
const plan: GateThreadPlan = workerData;
/** Facts of so many bundles are kept: the gates of a bundle follow each other. */
const rememberedBundles = 8;

const storage = await openStorage({ ...plan.storage, readOnly: true });
const log = (level: 'info' | 'warn' | 'error') => (fields: object, text: string) =>
  say({ level, fields: withPlainErrors(fields), text });
const inspector = inspectorContainer({
  engine: dockerEngine(new Docker()),
  ...plan.inspector,
  logger: { info: log('info'), warn: log('warn'), error: log('error') },
});
const run = storedBundleGates(bundleReader(storage.blobs), rememberingInspector(inspector, rememberedBundles));

parentPort?.on('message', (message: GateQuestion | 'close') => {
  if (message === 'close') return void close();
  void answer(message);
});

async function answer({ id, name, state, policy }: GateQuestion): Promise<void> {
  try {
    say({ id, result: await run(name, state, policy) });
  } catch (error) {
    say({ id, fault: plainError(error) });
  }
}

async function close(): Promise<void> {
  try {
    await inspector.close();
  } finally {
    await storage.close();
    parentPort?.close();
  }
}

function say(message: GateMessage): void {
  parentPort?.postMessage(message);
}

function withPlainErrors(fields: object): object {
  return Object.fromEntries(
    Object.entries(fields).map(([key, value]) => [key, value instanceof Error ? plainError(value) : value]),
  );
}

function plainError(error: unknown): { name: string; message: string; stack: string } {
  if (!(error instanceof Error)) return { name: 'Error', message: String(error), stack: '' };
  const causes: string[] = [];
  for (let cause: unknown = error; cause instanceof Error; cause = cause.cause)
    causes.push(cause.stack ?? String(cause));
  return { name: error.name, message: error.message, stack: causes.join('\ncaused by: ') };
}

import { parentPort, workerData } from 'node:worker_threads';
import Docker from 'dockerode';
import { dockerEngine } from '../executor/docker-engine.ts';
import { inspectorContainer } from '../executor/inspector-container.ts';
import { bundleReader } from '../gates/bundle-reader.ts';
import { duplicateGate } from '../gates/duplicates/duplicate-gate.ts';
import { type Examples, readExamples } from '../gates/duplicates/examples.ts';
import { shippedExamples } from '../gates/duplicates/shipped-examples.ts';
import { rememberingInspector } from '../gates/read-modules.ts';
import { recentResults } from '../gates/recent-results.ts';
import { storedBundleGates } from '../gates/run-gate.ts';
import { openProjectionDatabase } from '../projections/database.ts';
import { sourceIndex } from '../projections/source-index.ts';
import { openStorage } from '../storage/open-storage.ts';
import type { GateMessage, GateQuestion, GateThreadPlan } from './gate-thread.ts';

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
const readBundle = bundleReader(storage.blobs);
const remembering = rememberingInspector(inspector, rememberedBundles);
const run = storedBundleGates(readBundle, remembering);
const readModels = openProjectionDatabase(plan.readModelsPath);
const shipped = recentResults<Examples>(1);
const duplicate = duplicateGate({
  ...{ readBundle, inspector: remembering, blobs: storage.blobs, index: sourceIndex(readModels) },
  examples: () => shipped('', async () => readExamples(await shippedExamples(plan.examplesFolder), inspector)),
});

parentPort?.on('message', (message: GateQuestion | 'close') => {
  if (message === 'close') return void close();
  void answer(message);
});

async function answer({ id, name, state, policy }: GateQuestion): Promise<void> {
  try {
    say({ id, result: await (name === 'duplicate' ? duplicate(state, policy) : run(name, state, policy)) });
  } catch (error) {
    say({ id, fault: plainError(error) });
  }
}

async function close(): Promise<void> {
  try {
    await inspector.close();
  } finally {
    readModels.close();
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

import Docker from 'dockerode';
import { type ReviewerConfig, readReviewerKey } from '../config.ts';
import type { BlobSink } from '../domain/ports/blobs.ts';
import type { GateName } from '../domain/submission/events.ts';
import type { TokenizerClass } from '../domain/tokenizer.ts';
import { dockerEngine } from '../executor/docker-engine.ts';
import { type InspectorOptions, inspectorContainer } from '../executor/inspector-container.ts';
import { instantiator } from '../executor/instantiation-container.ts';
import { kernelMemoryOf } from '../executor/kernel-memory.ts';
import type { Logger } from '../executor/logger.ts';
import type { BundleGateName } from '../gates/bundle-gates.ts';
import { bundleReader } from '../gates/bundle-reader.ts';
import { duplicateGate } from '../gates/duplicates/duplicate-gate.ts';
import { type Examples, readExamples } from '../gates/duplicates/examples.ts';
import { shippedExamples } from '../gates/duplicates/shipped-examples.ts';
import { chatClient } from '../gates/llm/chat-client.ts';
import { circuitBreaker } from '../gates/llm/circuit-breaker.ts';
import { llmGate, type Reviewer } from '../gates/llm/llm-gate.ts';
import { observedChat, type ReviewerNotice } from '../gates/llm/reviewer-metrics.ts';
import { parametersGate } from '../gates/parameters/parameters-gate.ts';
import { rememberingInspector } from '../gates/read-modules.ts';
import { recentResults } from '../gates/recent-results.ts';
import { storedBundleGates } from '../gates/run-gate.ts';
import { offeredHere } from '../gates/tokenizer.ts';
import type { Gate } from '../machines/due/run-gates.ts';
import { openProjectionDatabase } from '../projections/database.ts';
import { sourceIndex } from '../projections/source-index.ts';
import { openStorage, type StorageLocation } from '../storage/open-storage.ts';

/** Where bundles, read models and shipped examples are, the containers that parse and build, and who reviews. */
export type GatePlan = {
  readonly storage: StorageLocation;
  readonly readModelsPath: string;
  readonly examplesFolder: string;
  readonly image: Pick<InspectorOptions, 'imageId' | 'instance'>;
  readonly seasonSecret: Uint8Array;
  /** What this deployment can offer, and where the tables are that it does so with. */
  readonly tokenizers: readonly TokenizerClass[];
  readonly tokenizersDir: string;
  readonly reviewer: ReviewerConfig | null;
};

export type GateSurroundings = {
  readonly blobs: BlobSink;
  readonly logger: Logger;
  /** Aborted when the service stops: whatever waits for a model or a reviewer is given up. */
  readonly stopping: AbortSignal;
  readonly onReviewer: (notice: ReviewerNotice) => void;
};

export type OpenGates = { readonly byName: Readonly<Record<GateName, Gate>>; close(): Promise<void> };

/** Facts of so many bundles are kept: the gates of a bundle follow each other. */
const rememberedBundles = 8;
const reviewTimeoutMs = 60_000;
const now = () => new Date();

/**
 * Everything that may say no before a run, with connections of its own to the storage, the read models and the engine. It reads only: what
 * is to be kept is given to `blobs`. Closed once no gate is asked any more.
 */
export async function openGates(plan: GatePlan, surroundings: GateSurroundings): Promise<OpenGates> {
  const { image, seasonSecret, examplesFolder, tokenizers, tokenizersDir } = plan;
  const { blobs, logger, stopping } = surroundings;
  const storage = await openStorage({ ...plan.storage, readOnly: true });
  const readModels = openProjectionDatabase(plan.readModelsPath);
  const docker = new Docker();
  const container = { ...image, engine: dockerEngine(docker), logger };
  const asked = inspectorContainer(container);
  const inspector = rememberingInspector(asked, rememberedBundles);
  const readBundle = bundleReader(storage.blobs);
  const run = storedBundleGates(readBundle, inspector);
  const overBundle =
    (name: BundleGateName): Gate =>
    (state, policy) =>
      run(name, state, offeredHere(policy, tokenizers));
  const shipped = recentResults<Examples>(1);
  return {
    byName: {
      contract: overBundle('contract'),
      static: overBundle('static'),
      parameters: parametersGate({
        ...{ readBundle, blobs, stopping },
        instantiate: instantiator({
          ...{ ...container, seasonSecret, tokenizersDir },
          kernelMemory: () => kernelMemoryOf(docker),
        }),
      }),
      distributed: overBundle('distributed'),
      duplicate: duplicateGate({
        ...{ readBundle, inspector, index: sourceIndex(readModels) },
        blobs: { open: storage.blobs.open, put: blobs.put },
        examples: () => shipped('', async () => readExamples(await shippedExamples(examplesFolder), asked)),
      }),
      llm: llmGate({ readBundle, blobs, inspector, reviewer: reviewerOf(plan.reviewer, surroundings) }),
    },
    async close() {
      try {
        await asked.close();
      } finally {
        readModels.close();
        await storage.close();
      }
    },
  };
}

/** The language model that the environment names, behind a circuit breaker; null where it names none. */
function reviewerOf(
  config: ReviewerConfig | null,
  { stopping, onReviewer }: Pick<GateSurroundings, 'stopping' | 'onReviewer'>,
): Reviewer | null {
  if (config === null) return null;
  const { baseUrl, model } = config;
  const ask = chatClient({
    ...{ baseUrl, model, timeoutMs: reviewTimeoutMs, clock: now },
    readKey: () => readReviewerKey(config),
  });
  const openUntil = (instant: string | null) => onReviewer({ openUntil: instant });
  openUntil(null);
  return { ask: observedChat(ask, onReviewer), model, breaker: circuitBreaker(now, openUntil), stopping };
}

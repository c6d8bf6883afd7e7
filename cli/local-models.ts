import Docker from 'dockerode';
import { deriveId } from '../domain/ids.ts';
import { type Instantiate, InstantiationUnavailableError } from '../domain/ports/instantiator.ts';
import { dockerEngine } from '../executor/docker-engine.ts';
import { EngineUnavailableError } from '../executor/engine-errors.ts';
import { instantiator } from '../executor/instantiation-container.ts';
import { kernelMemoryOf } from '../executor/kernel-memory.ts';
import { demoSeasonSecret, findEvaluatorImage, findTables } from './runtime.ts';

/** Builds models on this machine's engine, or says what is missing for it. */
export type LocalModels = { readonly instantiate: Instantiate } | { readonly missing: string };

const silent = { info() {}, warn() {}, error() {} };

/** Looks for an engine, the evaluator image of this version and its tables. Starts, builds and downloads nothing. */
export async function localModels(): Promise<LocalModels> {
  const found = await findEvaluatorImage();
  if ('missing' in found) return found;
  const tables = await findTables();
  if ('missing' in tables) return tables;
  const docker = new Docker();
  const instantiate = instantiator({
    ...{ engine: dockerEngine(docker), imageId: found.imageId, tokenizersDir: tables.folder, logger: silent },
    kernelMemory: () => kernelMemoryOf(docker),
    instance: deriveId('instance', 'check'),
    seasonSecret: Buffer.from(demoSeasonSecret, 'hex'),
  });
  return { instantiate };
}

/** Why a model couldn't be looked at, where that was neither its fault nor a bug; null for any other error. */
export function whyUnavailable(error: unknown): string | null {
  const isOutage = error instanceof EngineUnavailableError || error instanceof InstantiationUnavailableError;
  return isOutage ? error.message : null;
}

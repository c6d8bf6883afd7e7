/**
 * Looks at a slot's GPU before the slot takes leases: the runner itself, confined as a contestant and with no submitted code near, computes something on
 * the device and says what it is. An engine that gives no GPUs, a number that isn't there, an image whose torch has no CUDA: each ends the executor's start
 * with a sentence for the operator, in place of attempt after attempt that fails as ours.
 *
 * Does not: watch the device later. A contestant that finds none says so before submitted code runs, and who is to be blamed for an attempt
 * is blamed only after another look (gpu-loss.ts).
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { ContainerCreateOptions } from 'dockerode';
import { z } from 'zod';
import { deriveId } from '../domain/ids.ts';
import { instanceLabel, roleLabel } from './attempt-names.ts';
import type { ContainerEngine } from './container-engine.ts';
import { confinement, contestantFolders, contestantUser, gpuLookCommand } from './container-options.ts';
import { EngineRefusedError } from './engine-errors.ts';
import { UnfitEngineError } from './engine-facts.ts';
import { gpuDevices, gpuEnvironment } from './gpu-request.ts';
import { outputTap } from './output-tap.ts';
import { type GpuFacts, gpuSchema } from './provenance.ts';
import type { SlotPlan } from './slot-plan.ts';

export type GpuLook = {
  readonly imageId: string;
  readonly instance: string;
  /** OCI runtime where it isn't the engine's default. */
  readonly runtime: string | null;
  /** Ends the look; its reason is thrown. */
  readonly signal?: AbortSignal;
  /** For tests. */
  readonly command?: readonly string[];
  readonly limitMs?: number;
};

/** From its start to its answer: torch and a CUDA context on a slow disk. */
const defaultLimitMs = 180_000;
/** For the last of its output to arrive after its end. */
const settleMs = 5_000;
const artifactsBytes = 64 * 2 ** 20;
const outputLimit = { tailBytes: 2_048, limitBytes: 2 ** 20 };

const answerSchema = z.union([z.strictObject({ gpu: gpuSchema }), z.strictObject({ missing: z.string() })]);

/** What the GPU of each slot of class `gpu` is, by device. Throws `UnfitEngineError` for the first that can't be used. */
export async function lookAtGpus(
  engine: ContainerEngine,
  plans: readonly SlotPlan[],
  look: GpuLook,
): Promise<ReadonlyMap<string, GpuFacts>> {
  const found = new Map<string, GpuFacts>();
  for (const plan of plans) {
    if (plan.deviceClass === 'gpu') found.set(plan.device, await lookAtGpu(engine, plan, look));
  }
  return found;
}

async function lookAtGpu(engine: ContainerEngine, plan: SlotPlan, look: GpuLook): Promise<GpuFacts> {
  const name = `prism-${deriveId('gpuLook', look.instance, plan.device)}-device`;
  await engine.removeContainer(name); // One of an earlier life.
  try {
    await engine.ensureContainer(gpuLookOptions(name, plan, look));
    return readAnswer(await answerOf(engine, name, look), plan);
  } catch (error) {
    throw error instanceof EngineRefusedError ? refused(plan, error) : error;
  } finally {
    await engine.removeContainer(name);
  }
}

/** A contestant's container, but for the channel: what works here works there. */
export function gpuLookOptions(name: string, plan: SlotPlan, look: GpuLook): ContainerCreateOptions {
  const limits = { memoryBytes: plan.memoryBytes, pids: 512, openFiles: 1_024, fileBytes: artifactsBytes };
  return {
    name,
    Image: look.imageId,
    User: contestantUser,
    Cmd: [...(look.command ?? gpuLookCommand)],
    Env: gpuEnvironment(plan),
    Labels: { [instanceLabel]: look.instance, [roleLabel]: 'device' },
    HostConfig: {
      ...confinement(limits, look.runtime),
      ...contestantFolders(artifactsBytes),
      ...gpuDevices(plan),
      CpusetCpus: plan.cpuset,
    },
  };
}

type Answer = { readonly line: string | null; readonly tail: string };

async function answerOf(engine: ContainerEngine, name: string, { signal, limitMs }: GpuLook): Promise<Answer> {
  let line: string | null = null;
  const heard = new AbortController();
  const limit = AbortSignal.timeout(limitMs ?? defaultLimitMs);
  const until = signal === undefined ? limit : AbortSignal.any([signal, limit]);
  const tap = outputTap({
    ...outputLimit,
    onLimit: () => {},
    onLine: (said) => {
      line ??= said;
      heard.abort();
    },
  });
  const attachment = await engine.attach(name, tap.stdout, tap.stderr);
  try {
    await engine.start(name);
    await engine.untilExited(name, until);
    const settled = delay(settleMs, undefined, { signal: heard.signal, ref: false }).catch(() => {});
    await Promise.race([attachment.closed, settled]);
  } catch (error) {
    signal?.throwIfAborted();
    if (!limit.aborted) throw error;
  } finally {
    attachment.detach();
  }
  return { line, tail: tap.tail().toString().trim() };
}

function readAnswer({ line, tail }: Answer, { device }: SlotPlan): GpuFacts {
  const answer = answerSchema.safeParse(parsed(line));
  if (!answer.success) throw unusable(device, `nothing could be learned of it; last words: ${tail || 'none'}`);
  if ('missing' in answer.data) throw unusable(device, answer.data.missing);
  return answer.data.gpu;
}

function parsed(line: string | null): unknown {
  try {
    return line === null ? null : JSON.parse(line);
  } catch {
    return null;
  }
}

/** The engine's own words say which: no driver for device requests, or no such device. */
function refused({ device }: SlotPlan, error: EngineRefusedError): UnfitEngineError {
  const words = error.cause instanceof Error ? error.cause.message : error.message;
  return unusable(
    device,
    `the engine refuses it (${words.trim()}); it needs NVIDIA's container toolkit, and the device`,
  );
}

function unusable(device: string, why: string): UnfitEngineError {
  return new UnfitEngineError(`Slot ${device} can't be used: ${why}. Mend that, or take ${device} out of PRISM_SLOTS.`);
}

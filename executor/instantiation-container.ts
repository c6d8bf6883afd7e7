/**
 * Builds a bundle's model once, behind the wall that a contestant has in an attempt: a container of its own for each look, asked over its
 * input, heard on its output, removed in any case. It takes no slot and no device.
 *
 * Does not: believe what it hears, or judge it. Its name follows from the submission, and its label is the instance's, so that whatever a crash
 * leaves is found by the next look or by `reconcile`.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { deriveId } from '../domain/ids.ts';
import type { Policy } from '../domain/policy/policy.ts';
import type { Instantiate, Instantiated, InstantiationRequest } from '../domain/ports/instantiator.ts';
import { attemptCgroup, removeCgroup } from './cgroup-watch.ts';
import type { ContainerEngine } from './container-engine.ts';
import { instantiationCommand, instantiationLimitBytes, instantiationOptions } from './container-options.ts';
import {
  type InstantiationFacts,
  type InstantiationKill,
  instantiatedBy,
  type MemorySeen,
} from './instantiation-end.ts';
import { instantiationMemoryBytes, instantiationQuestion, readyLine, reportLineBytes } from './instantiation-lines.ts';
import type { KernelMemory } from './kernel-memory.ts';
import { llamaVocab } from './llama-vocab.ts';
import type { Logger } from './logger.ts';
import { outputTap } from './output-tap.ts';
import { toExit } from './watching.ts';

export type InstantiationOptions = {
  readonly engine: ContainerEngine;
  readonly imageId: string;
  readonly instance: string;
  readonly seasonSecret: Uint8Array;
  /** Where the model of `llama` is, where there is one. */
  readonly tokenizersDir: string;
  readonly runtime?: string | null;
  /** Null where the engine's machine can't be asked: then whoever is killed for want of memory has used too much. */
  readonly kernelMemory: () => Promise<KernelMemory | null>;
  readonly logger: Logger;
  /** For tests. */
  readonly command?: readonly string[];
  readonly timings?: InstantiationTimings;
};

export type InstantiationTimings = {
  /** From its start until it has imported torch: ours if missed. */
  readonly readyMs: number;
  /** From then on, beside what its own watch and the kernel allow: for a process that has got rid of the one and idles past the other. */
  readonly endMs: (cpuSeconds: number) => number;
  /** For the last of its output to arrive after its end. */
  readonly settleMs: number;
};

const defaultTimings: InstantiationTimings = {
  readyMs: 120_000,
  endMs: (cpuSeconds) => 30_000 + cpuSeconds * 9_000,
  settleMs: 5_000,
};
const tailBytes = 2_048;
const mostTries = 2;

export function instantiator(options: InstantiationOptions): Instantiate {
  return async (asked, policy, signal) => {
    const vocab = asked.contract.tokenizer === 'llama' ? await llamaVocab(options.tokenizersDir) : null;
    const question = instantiationQuestion(asked, policy, options.seasonSecret, vocab);
    for (let tries = 1; ; tries += 1) {
      const seen = await lookOnce(options, asked, policy, question, signal);
      const instantiated = explained(seen, tries < mostTries);
      if (instantiated !== null) return instantiated;
      options.logger.warn({ submission: asked.submissionId, ...seen }, 'a model could not be looked at; once more');
    }
  };
}

/** An end without a word may have been the host's: it counts the second time, which null asks for. */
function explained(seen: InstantiationFacts, mayRepeat: boolean): Instantiated | null {
  if (mayRepeat && seen.isReady && seen.exit.kind !== 'exited') return null;
  const instantiated = instantiatedBy(seen);
  const isMute = instantiated.kind === 'died' || instantiated.kind === 'outOfMemory';
  return mayRepeat && isMute ? null : instantiated;
}

async function lookOnce(
  { engine, imageId, instance, runtime = null, command = instantiationCommand, ...options }: InstantiationOptions,
  { submissionId }: InstantiationRequest,
  policy: Policy,
  question: string,
  signal: AbortSignal,
): Promise<InstantiationFacts> {
  const id = deriveId('instantiation', instance, submissionId);
  const name = `prism-${id}-instantiation`;
  const { pids, outputBytes } = policy.limits;
  const memoryBytes = instantiationMemoryBytes(policy);
  const kernel = await options.kernelMemory();
  const cgroup = kernel === null ? null : attemptCgroup(id);
  const remove = async () => {
    await engine.removeContainer(name);
    if (cgroup !== null) await removeCgroup(cgroup);
  };
  await remove(); // One of an earlier life.
  try {
    await engine.ensureContainer(
      instantiationOptions({
        ...{ name, instance, submissionId, imageId, command, runtime, memoryBytes, pids },
        cgroupParent: cgroup,
      }),
    );
    const timings = options.timings ?? defaultTimings;
    const { cpuSeconds } = policy.instantiation;
    const memorySeen = await watchMemory(kernel, cgroup, instantiationLimitBytes(memoryBytes));
    const watched = { question, outputBytes, timings, endMs: timings.endMs(cpuSeconds) };
    const seen = await watch(engine, name, watched, signal);
    return { ...seen, memory: await memorySeen() };
  } finally {
    await remove();
  }
}

/** From now on, until it is asked. */
async function watchMemory(
  kernel: KernelMemory | null,
  cgroup: string | null,
  limitBytes: number,
): Promise<() => Promise<MemorySeen>> {
  if (kernel === null || cgroup === null) return async () => ({ limitBytes, peakBytes: null, hostOomKills: null });
  const before = await kernel.oomKills();
  return async () => {
    const [peakBytes, after] = await Promise.all([kernel.peakBytes(cgroup), kernel.oomKills()]);
    return { limitBytes, peakBytes, hostOomKills: before === null || after === null ? null : after - before };
  };
}

type Watched = {
  readonly question: string;
  readonly outputBytes: number;
  readonly timings: InstantiationTimings;
  readonly endMs: number;
};

async function watch(
  engine: ContainerEngine,
  name: string,
  { question, outputBytes, timings, endMs }: Watched,
  signal: AbortSignal,
): Promise<Omit<InstantiationFacts, 'memory'>> {
  const ending = new AbortController();
  const until = AbortSignal.any([signal, ending.signal]);
  const heard: { kill: InstantiationKill | null; isReady: boolean; report: string | null } = {
    ...{ kill: null, isReady: false, report: null },
  };
  let fail: (error: unknown) => void = () => {};
  const failed = new Promise<never>((_, reject) => {
    fail = reject;
  });
  failed.catch(() => {}); // Raced against the main line; it may fail after that has ended.
  const kill = (reason: InstantiationKill): void => {
    heard.kill ??= reason;
    engine.kill(name).catch(fail);
  };
  const killAfter = (ms: number, reason: InstantiationKill, stillDue: () => boolean): void => {
    delay(ms, undefined, { signal: until }).then(
      () => stillDue() && kill(reason),
      () => {}, // Ended before.
    );
  };
  const tap = outputTap({
    ...{ tailBytes, limitBytes: outputBytes, lineBytes: reportLineBytes },
    onLimit: () => kill('output'),
    onLine(line) {
      if (heard.isReady) heard.report ??= line;
      else if (line === readyLine) {
        heard.isReady = true;
        killAfter(endMs, 'timeout', () => true);
      }
    },
  });

  const conversation = await engine.converse(name, tap.stdout, tap.stderr);
  try {
    await engine.start(name);
    conversation.write(question);
    killAfter(timings.readyMs, 'notReady', () => !heard.isReady);
    await Promise.race([engine.untilExited(name, until), failed]);
    await Promise.race([conversation.closed, delay(timings.settleMs, undefined, { signal: until })]);
    // Looked at once more: the out-of-memory mark may come late.
    return { ...heard, exit: toExit(await engine.inspect(name)), tail: tap.tail().toString().trim() };
  } finally {
    ending.abort();
    conversation.detach();
  }
}

/** A GPU that breaks in the middle of an attempt looks to torch like an error of the bundle: nobody is blamed before the device was looked at again. */
import type { AttemptResult } from './attempt.ts';
import type { ContainerEngine } from './container-engine.ts';
import { UnfitEngineError } from './engine-facts.ts';
import { type GpuLook, lookAtGpus } from './gpu-look.ts';
import type { SlotPlan } from './slot-plan.ts';

/** The result itself, or the same as `deviceLost` where a contestant is to blame on a GPU that can't be used now. Throws engine errors and the signal's reason. */
export async function unlessGpuIsLost(
  engine: ContainerEngine,
  plan: SlotPlan,
  look: GpuLook,
  result: AttemptResult,
): Promise<AttemptResult> {
  const { kind } = result.verdict;
  if (plan.deviceClass !== 'gpu' || kind === 'completed' || kind === 'infrastructureFault') return result;
  try {
    await lookAtGpus(engine, [plan], look);
    return result;
  } catch (error) {
    if (!(error instanceof UnfitEngineError)) throw error;
    const { message } = error;
    return { ...result, verdict: { kind: 'infrastructureFault', reason: 'deviceLost', message } };
  }
}

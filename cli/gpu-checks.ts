import Docker from 'dockerode';
import type { Config } from '../config.ts';
import type { ContainerEngine } from '../executor/container-engine.ts';
import { dockerEngine } from '../executor/docker-engine.ts';
import { EngineUnavailableError } from '../executor/engine-errors.ts';
import { UnfitEngineError } from '../executor/engine-facts.ts';
import { lookAtGpus } from '../executor/gpu-look.ts';
import type { Check, EvaluatorImage } from './runtime.ts';

const instance = 'doctor';

/** One check for each GPU slot that the environment names: what an executor would find at its start. */
export async function gpuChecks(
  { slots }: Pick<Config, 'slots'>,
  findImage: () => Promise<EvaluatorImage>,
  engine: ContainerEngine = dockerEngine(new Docker()),
): Promise<readonly Check[]> {
  const checks: Check[] = [];
  const gpuSlots = slots.filter(({ deviceClass }) => deviceClass === 'gpu');
  if (gpuSlots.length === 0) return checks;
  const image = await findImage();
  for (const slot of gpuSlots) {
    if ('missing' in image) checks.push(failed(slot.device, `unknown: ${image.missing}`));
    else checks.push(await check(slot.device, () => lookAtGpus(engine, [slot], { ...image, instance, runtime: null })));
  }
  return checks;
}

async function check(device: string, look: () => ReturnType<typeof lookAtGpus>): Promise<Check> {
  try {
    const gpu = (await look()).get(device);
    const detail = gpu === undefined ? device : `${gpu.name}, driver ${gpu.driver}, CUDA ${gpu.cuda}`;
    return { name: device, ok: true, detail, remedy: null };
  } catch (error) {
    if (error instanceof UnfitEngineError || error instanceof EngineUnavailableError)
      return failed(device, error.message);
    throw error;
  }
}

function failed(device: string, detail: string): Check {
  return { name: device, ok: false, detail, remedy: 'docs/gpu.md says what a host with GPUs needs.' };
}

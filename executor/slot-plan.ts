import { refereeMemoryBytes } from './container-options.ts';
import { gpuIndexOf } from './gpu-request.ts';

/** One slot of this host, as an operator configures it. */
export type SlotPlan = {
  /** `cpu0`, `gpu1`: `[a-z0-9.]+`. */
  readonly device: string;
  readonly deviceClass: 'cpu' | 'gpu';
  /** Cores of the slot, in the kernel's notation (`0`, `2-3`). Referee and contestant take turns on them. */
  readonly cpuset: string;
  /** Memory of a contestant; the referee's comes on top. */
  readonly memoryBytes: number;
};

export class UnfitSlotPlanError extends Error {
  override readonly name = 'UnfitSlotPlanError';
}

/** Left for the service, the engine and the system (CONTRACT §2). */
export const hostReserveBytes = 4 * 2 ** 30;

/** What of the host's memory slots may use; the inspector's share comes out of the reserve. */
export function slotMemoryBytes(plan: SlotPlan): number {
  return plan.memoryBytes + refereeMemoryBytes;
}

/**
 * Refuses plans that the host can't keep: twice the same device or core, cores it doesn't have, memory it doesn't have.
 */
export function checkSlotPlans(
  plans: readonly SlotPlan[],
  host: { readonly cpus: number; readonly memoryBytes: number },
): void {
  const owners = new Map<number, string>();
  const devices = new Set<string>();
  for (const { device, deviceClass, cpuset } of plans) {
    if (!/^[a-z0-9.]+$/.test(device))
      refusePlan(`The device name ${device} may have lower-case letters, digits and dots only.`);
    if (deviceClass === 'gpu' && gpuIndexOf(device) === null)
      refusePlan(
        `The device ${device} is no GPU of the engine; a GPU slot is called gpu and its number, such as gpu0.`,
      );
    if (devices.has(device)) refusePlan(`Two slots are called ${device}.`);
    devices.add(device);
    for (const core of coresOf(cpuset)) {
      if (core >= host.cpus) refusePlan(`Slot ${device} wants core ${core}; the host has ${host.cpus}.`);
      const owner = owners.get(core);
      if (owner !== undefined) refusePlan(`Slots ${owner} and ${device} share core ${core}.`);
      owners.set(core, device);
    }
  }
  checkMemory(plans, host.memoryBytes);
}

/**
 * What an operator should know where the host can't also keep what looks at models may use while all slots are busy (`lookBytes`); null where
 * it can. It is no reason to refuse: few models need it all, and whoever is killed for want of the host's memory is asked again.
 */
export function lookShortage(plans: readonly SlotPlan[], hostBytes: number, lookBytes: number): string | null {
  const wanted = wantedBytes(plans) + lookBytes;
  if (wanted <= hostBytes) return null;
  const [has, wants, look] = [hostBytes, wanted, lookBytes].map(inGibibytes);
  return `Slots and a look at a model (${look} GiB) want ${wants} GiB together; the host has ${has} GiB.`;
}

function wantedBytes(plans: readonly SlotPlan[]): number {
  return plans.reduce((total, plan) => total + slotMemoryBytes(plan), 0) + hostReserveBytes;
}

function checkMemory(plans: readonly SlotPlan[], hostBytes: number): void {
  const wanted = wantedBytes(plans);
  if (wanted <= hostBytes) return;
  const [has, wants, reserve] = [hostBytes, wanted, hostReserveBytes].map(inGibibytes);
  const shares = `${inGibibytes(refereeMemoryBytes)} GiB a referee and ${reserve} GiB for the host`;
  refusePlan(`The slots want ${wants} GiB with ${shares}; the host has ${has} GiB.`);
}

function inGibibytes(bytes: number): string {
  return (bytes / 2 ** 30).toFixed(1);
}

/** Core numbers of a set such as `0,2-3`. */
export function coresOf(cpuset: string): readonly number[] {
  const parts = cpuset.split(',').map((part) => /^(\d+)(?:-(\d+))?$/.exec(part));
  return parts.flatMap((match) => {
    if (match === null) return refusePlan(`${cpuset} is no set of cores; write 0, 2-3 or 0,2-3.`);
    const first = Number(match[1]);
    const last = Number(match[2] ?? match[1]);
    if (last < first) return refusePlan(`${cpuset} is no set of cores: ${last} comes before ${first}.`);
    return Array.from({ length: last - first + 1 }, (_, index) => first + index);
  });
}

function refusePlan(message: string): never {
  throw new UnfitSlotPlanError(message);
}

/** What a container is given of a GPU, as data: one device a slot, for contestants only, and what the driver's tools read. */
import type { HostConfig } from 'dockerode';

type DeviceClass = 'cpu' | 'gpu';
type SlotDevice = { readonly device: string; readonly deviceClass: DeviceClass };

/** What the runner calls a device of this class. */
export function torchDevice(deviceClass: DeviceClass): 'cpu' | 'cuda' {
  return deviceClass === 'gpu' ? 'cuda' : 'cpu';
}

/** `gpu3` is the engine's device 3, as `nvidia-smi` counts them; null for any other name. */
export function gpuIndexOf(device: string): string | null {
  return /^gpu(\d+)$/.exec(device)?.[1] ?? null;
}

/** The host's part: the one device, and nothing else of the confinement changes. */
export function gpuDevices({ device, deviceClass }: SlotDevice): Pick<HostConfig, 'DeviceRequests'> {
  if (deviceClass !== 'gpu') return {};
  const index = gpuIndexOf(device);
  if (index === null) throw new Error(`${device} is no GPU: a slot of class gpu is called gpu and a number`);
  const request = { Driver: 'nvidia', Count: 0, DeviceIDs: [index], Capabilities: [['gpu']], Options: {} };
  return { DeviceRequests: [request] };
}

/** The container's part. */
export function gpuEnvironment({ deviceClass }: Pick<SlotDevice, 'deviceClass'>): string[] {
  if (deviceClass !== 'gpu') return [];
  return [
    'NVIDIA_DRIVER_CAPABILITIES=compute,utility', // CUDA, and NVML for the driver's version and NCCL: no graphics, no video.
    'CUDA_CACHE_DISABLE=1', // Compiled kernels would fill a small /tmp that goes with the container.
    'NCCL_SOCKET_IFNAME=lo', // There is no other interface.
  ];
}

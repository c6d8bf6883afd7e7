import { join } from 'node:path';
import type { BlobSink } from '../../domain/ports/blobs.ts';
import { gateThread } from '../../service/gate-thread.ts';
import type { GatePlan, OpenGates } from '../../service/gates.ts';
import { memoryBlobs } from '../../storage/memory-blobs.ts';

const silent = { info() {}, warn() {}, error() {} };
/** No engine has such an image: the inspector can't be asked. */
const noImage = { imageId: `sha256:${'0'.repeat(64)}`, instance: 'no-such' };

/** The thread of the gates over a folder's storage. Whoever opens it closes it. */
export function openGateThread(
  storageFolder: string,
  {
    stopping = new AbortController().signal,
    image = noImage,
    blobs = memoryBlobs(),
  }: { readonly stopping?: AbortSignal; readonly image?: GatePlan['image']; readonly blobs?: BlobSink } = {},
): OpenGates {
  return gateThread(
    {
      storage: { url: `sqlite:${storageFolder}`, dataDir: storageFolder },
      readModelsPath: join(storageFolder, 'read-models.sqlite'),
      examplesFolder: 'examples',
      image,
      seasonSecret: Buffer.alloc(32),
      reviewer: null,
      tokenizers: ['bytes'],
      tokenizersDir: 'none',
    },
    { blobs, logger: silent, stopping, onReviewer: () => {} },
  );
}

import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import type { LivingState } from '../../domain/submission/state.ts';
import type { Storage } from '../../storage/open-storage.ts';

/** A submission at its static gate whose archive lies in the storage. */
export async function bundleOf({ blobs }: Storage, archive: Uint8Array): Promise<LivingState> {
  const bundle = await blobs.put(Readable.from([archive]));
  return {
    ...{
      phase: 'gate',
      gate: 'static',
      deferral: null,
      sketchVersion: null,
      contract: null,
      runs: [],
      expiredHolds: 0,
      publishBlind: false,
      originals: [],
    },
    identity: {
      ...{ submissionId: 's', hotkey: 'h', receivedAt: '2026-01-01T00:00:00.000Z', epoch: 0, bundle },
      codeHash: createHash('sha256').update(archive).digest('hex'),
    },
  };
}

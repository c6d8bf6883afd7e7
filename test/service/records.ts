import { buffer } from 'node:stream/consumers';
import { z } from 'zod';
import { openStorage } from '../../storage/open-storage.ts';

/** What tests read of `prism_record.v2`; the rest stays as it is. */
const recordSchema = z.looseObject({
  codeHash: z.string(),
  seed: z.number(),
  streamBytes: z.number(),
  vocab: z.number(),
  streamTokens: z.number(),
  totals: z.looseObject({ microNats: z.number(), coveredBytes: z.number() }),
});
export type StoredRecord = z.infer<typeof recordSchema>;

/** A blob's bytes from a service's data folder, whether it runs or not. */
export async function readBlob(dataDir: string, sha256: string | null): Promise<Buffer> {
  if (sha256 === null) throw new Error('there is no digest to read by');
  const storage = await openStorage({ dataDir, readOnly: true });
  try {
    return await buffer(await storage.blobs.open(sha256));
  } finally {
    await storage.close();
  }
}

export async function readRecord(dataDir: string, sha256: string | null): Promise<StoredRecord> {
  return recordSchema.parse(JSON.parse((await readBlob(dataDir, sha256)).toString()));
}

/**
 * Everything that the referee measured: costs batch by batch and group by group, and the digests of the logits. Code hash and seed name the
 * bundle, and differ between two bundles that measure the same.
 */
export function measuredIn(record: StoredRecord): object {
  const { codeHash: _, seed: __, ...measured } = record;
  return measured;
}

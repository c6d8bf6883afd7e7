// Which split a document belongs to, and how a split becomes shards (CONTRACT.md §2, Locked data).
import { createHmac } from 'node:crypto';

export const SPLITS = ['test', 'train', 'val'];
export const DOCUMENTS_PER_SHARD = 1024;
export const PARTITION_RULE = 'int(HMAC-SHA256(key, document id), 16) % 1000';
/** First and last remainder of each split, both included. */
export const PARTITION_RANGES = { train: [0, 949], val: [950, 974], test: [975, 999] };

/** The split of a document. `key` is bytes, `id` text. */
export function splitOf(key, id) {
  const digest = createHmac('sha256', key).update(id, 'utf8').digest('hex');
  const remainder = Number(BigInt(`0x${digest}`) % 1000n);
  return SPLITS.find((split) => remainder >= PARTITION_RANGES[split][0] && remainder <= PARTITION_RANGES[split][1]);
}

/** Documents sorted by id (by their UTF-8 bytes) and cut into shards. Ids must differ. */
export function shardsOf(documents) {
  const sorted = documents.toSorted((a, b) => Buffer.compare(Buffer.from(a.id), Buffer.from(b.id)));
  const twin = sorted.find(({ id }, index) => index > 0 && sorted[index - 1].id === id);
  if (twin) throw new Error(`two documents are called ${twin.id}`);
  const shards = [];
  for (let start = 0; start < sorted.length; start += DOCUMENTS_PER_SHARD)
    shards.push(sorted.slice(start, start + DOCUMENTS_PER_SHARD));
  return shards;
}

/** A shard's bytes: one canonical JSON object a line, `{"id", "text"}`. */
export function shardBytes(documents) {
  return Buffer.from(documents.map(({ id, text }) => `${JSON.stringify({ id, text })}\n`).join(''));
}

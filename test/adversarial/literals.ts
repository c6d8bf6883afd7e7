import { createHmac } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { deflateSync } from 'node:zlib';
import { z } from 'zod';
import { packageRoot } from '../../cli/package-root.ts';
import { seasonSecret } from '../service/service-process.ts';

const documentSchema = z.object({ id: z.string(), text: z.string() });
type Split = 'train' | 'val' | 'test';

/** Documents of the prepared corpus, in no order that matters. */
export async function documentsOf(split: Split): Promise<readonly z.infer<typeof documentSchema>[]> {
  const cache = join(packageRoot, '.cache');
  const corpus = (await readdir(cache)).filter((name) => name.startsWith('corpus-')).at(-1);
  if (corpus === undefined) throw new Error('no corpus is prepared');
  const folder = join(cache, corpus, split);
  const shards = (await readdir(folder, { recursive: true })).filter((name) => name.endsWith('.jsonl'));
  const texts = await Promise.all(shards.map((shard) => readFile(join(folder, shard), 'utf8')));
  return texts.flatMap((text) => text.trimEnd().split('\n')).map((line) => documentSchema.parse(JSON.parse(line)));
}

/** What a bundle can carry of a service whose season secret is known. */
export type Literals = Readonly<Record<string, string>>;

/** How much of the stream is carried: more than half of it, and less than a bundle may weigh. */
const carriedBytes = 16_384;

/** By placeholder (`@@name@@` in a bundle's files), what stands in its place. */
export async function makeLiterals(): Promise<Literals> {
  const secret = Buffer.from(seasonSecret, 'hex');
  const ranked = (await documentsOf('train')).map(({ id, text }) => ({
    rank: createHmac('sha256', secret).update(id).digest('hex'),
    text,
  }));
  const stream = Buffer.from(
    ranked
      .toSorted((a, b) => (a.rank < b.rank ? -1 : 1))
      .map(({ text }) => text)
      .join(''),
  );
  const costs = pairCosts(stream.subarray(0, 1 << 20));
  return {
    'pairs-base85': base85(deflateSync(costs, { level: 9 })),
    'pairs-numbers': [...costs].join(', '),
    'stream-base85': base85(deflateSync(stream.subarray(0, carriedBytes), { level: 9 })),
    phrases: (await phrases(stream)).map((phrase) => Buffer.from(phrase).reverse().toString('hex')).join(' '),
  };
}

const phraseBytes = 24;

/** Of the stream's beginning, of train text that comes much later, and of the other two splits. */
async function phrases(train: Buffer): Promise<readonly Buffer[]> {
  const [val, test] = await Promise.all((['val', 'test'] as const).map(documentsOf));
  const others = [val, test].flatMap((documents = []) => documents.slice(0, 2).map(({ text }) => Buffer.from(text)));
  return [train, train.subarray(train.length >> 1), ...others].map((text) => text.subarray(40, 40 + phraseBytes));
}

const characters = [10, ...Array.from({ length: 95 }, (_, index) => 32 + index)];

/** Nats, whole, by which each character is less likely after each than the likeliest one. */
function pairCosts(text: Uint8Array): Uint8Array {
  const place = new Map(characters.map((character, index) => [character, index]));
  const counts = new Float64Array(characters.length ** 2).fill(0.1);
  for (let index = 1; index < text.length; index += 1) {
    const [before, after] = [place.get(text[index - 1] ?? 0), place.get(text[index] ?? 0)];
    if (before === undefined || after === undefined) continue;
    const pair = before * characters.length + after;
    counts[pair] = (counts[pair] ?? 0) + 1;
  }
  return Uint8Array.from(counts, (count, pair) => {
    const row = counts.subarray(pair - (pair % characters.length)).subarray(0, characters.length);
    return Math.min(8, Math.round(Math.log(Math.max(...row) / count)));
  });
}

const alphabet = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;<=>?@^_`{|}~';

/** As Python's `base64.b85encode`: four bytes, big-endian, are five digits; padding is cut off. */
export function base85(bytes: Uint8Array): string {
  const padding = (4 - (bytes.length % 4)) % 4;
  const padded = Buffer.concat([bytes, Buffer.alloc(padding)]);
  let digits = '';
  for (let at = 0; at < padded.length; at += 4) {
    const word = padded.readUInt32BE(at);
    for (let power = 4; power >= 0; power -= 1) digits += alphabet[Math.floor(word / 85 ** power) % 85];
  }
  return digits.slice(0, digits.length - padding);
}

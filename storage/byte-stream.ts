import { Readable } from 'node:stream';

/** The content as chunks of bytes. Throws a TypeError at a chunk of anything else, such as text of a decoding stream. */
export async function* bytesOf(content: Uint8Array | Readable): AsyncGenerator<Uint8Array, void, undefined> {
  if (content instanceof Uint8Array) {
    yield content;
    return;
  }
  for await (const chunk of content) {
    if (!(chunk instanceof Uint8Array)) throw new TypeError(`a blob's stream gave a ${typeof chunk}, not bytes`);
    yield chunk;
  }
}

export type Beginning =
  | { readonly kind: 'whole'; readonly bytes: Uint8Array }
  | { readonly kind: 'longer'; readonly content: Readable };

/** Reads up to `limitBytes`; of a longer stream gives back all of it, the part already read included. */
export async function readBeginning(stream: Readable, limitBytes: number): Promise<Beginning> {
  const source = bytesOf(stream);
  const chunks: Uint8Array[] = [];
  let size = 0;
  while (size <= limitBytes) {
    const next = await source.next();
    if (next.done) return { kind: 'whole', bytes: Buffer.concat(chunks) };
    chunks.push(next.value);
    size += next.value.byteLength;
  }
  return { kind: 'longer', content: Readable.from(resumed(chunks, source), { objectMode: false }) };
}

/** An iterator rather than a generator: one that is dropped before its first chunk must still let go of its source. */
function resumed(chunks: Uint8Array[], source: AsyncGenerator<Uint8Array, void, undefined>): AsyncIterable<Uint8Array> {
  return {
    [Symbol.asyncIterator]: () => ({
      async next() {
        const value = chunks.shift();
        return value === undefined ? source.next() : { done: false, value };
      },
      return: () => source.return(undefined),
    }),
  };
}

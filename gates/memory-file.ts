import StreamZip from 'node-stream-zip';

/*
 * node-stream-zip reads from a file descriptor. Ours name buffers: an archive is at most 7.5 MB and in memory already,
 * and so nothing that a stranger sent is ever written to a disk, left there by a kill, or read from a descriptor that has
 * been closed and given to somebody else while the library had a read in flight.
 */

type Done = (error: Error | null, count: number, buffer: Buffer) => void;

const files = new Map<number, Buffer>();
let lastDescriptor = 0;

/** The part of `node:fs` that the library reads archives through. A closed descriptor reads as an empty file. */
const memoryFiles = {
  fstat(descriptor: number, done: (error: Error | null, stat: { size: number }) => void): void {
    queueMicrotask(() => done(null, { size: files.get(descriptor)?.length ?? 0 }));
  },
  // Only directories are read like this, which are short: nothing has to give way to other work.
  read(descriptor: number, into: Buffer, offset: number, length: number, position: number, done: Done): void {
    queueMicrotask(() => {
      const from = Math.max(0, position);
      const source = files.get(descriptor)?.subarray(from, from + length) ?? Buffer.alloc(0);
      done(null, source.copy(into, offset), into);
    });
  },
};

useMemoryFiles();

/** Lends `use` a descriptor over `content`, and takes it back however that ends. */
export async function withMemoryFile<Result>(
  content: Buffer,
  use: (descriptor: number) => Promise<Result>,
): Promise<Result> {
  const descriptor = ++lastDescriptor;
  files.set(descriptor, content);
  try {
    return await use(descriptor);
  } finally {
    files.delete(descriptor);
  }
}

/** `setFs` is public but missing from the library's types. It holds for the whole process: only gates/ opens archives. */
function useMemoryFiles(): void {
  if (!('setFs' in StreamZip) || typeof StreamZip.setFs !== 'function')
    throw new Error('this node-stream-zip has no setFs');
  StreamZip.setFs(memoryFiles);
}

import { Writable } from 'node:stream';

/** What a container prints, counted and mostly thrown away. */
export type OutputTap = {
  readonly stdout: Writable;
  readonly stderr: Writable;
  /** The last bytes of both streams, in order of arrival. */
  tail(): Buffer;
};

export type TapOptions = {
  readonly tailBytes: number;
  readonly limitBytes: number;
  /** Called once, with the first chunk over the limit. */
  onLimit(): void;
  /** Called with every line of stdout, without its end. A line longer than `lineBytes` is dropped. */
  onLine?(line: string): void;
  readonly lineBytes?: number;
};

/** Memory is bounded by `tailBytes` and `lineBytes`, whatever is printed. */
export function outputTap(options: TapOptions): OutputTap {
  let [bytes, isOver] = [0, false];
  let tail = Buffer.alloc(0);
  const lines = lineSplitter(options.lineBytes ?? 65_536, options.onLine ?? (() => {}));

  function take(chunk: Buffer): void {
    bytes += chunk.byteLength;
    tail = Buffer.from(Buffer.concat([tail, chunk.subarray(-options.tailBytes)]).subarray(-options.tailBytes));
    if (isOver || bytes <= options.limitBytes) return;
    isOver = true;
    options.onLimit();
  }

  return {
    stdout: sink((chunk) => {
      take(chunk);
      lines(chunk);
    }),
    stderr: sink(take),
    tail: () => tail,
  };
}

function sink(take: (chunk: Buffer) => void): Writable {
  return new Writable({
    write(chunk: Buffer, _encoding, done) {
      take(chunk);
      done();
    },
  });
}

/** Splits chunks into lines; what doesn't fit into `lineBytes` is skipped up to the next line end. */
export function lineSplitter(lineBytes: number, onLine: (line: string) => void): (chunk: Buffer) => void {
  let [rest, isSkipping] = [Buffer.alloc(0), false];
  return (chunk) => {
    let from = 0;
    for (let end = chunk.indexOf(10, from); end >= 0; end = chunk.indexOf(10, from)) {
      const line = Buffer.concat([rest, chunk.subarray(from, end)]);
      if (!isSkipping && line.byteLength <= lineBytes) onLine(line.toString('utf8'));
      [rest, isSkipping, from] = [Buffer.alloc(0), false, end + 1];
    }
    if (isSkipping) return;
    rest = Buffer.concat([rest, chunk.subarray(from)]);
    if (rest.byteLength > lineBytes) [rest, isSkipping] = [Buffer.alloc(0), true];
  };
}

import { writeSync } from 'node:fs';

/** Tells whoever reads our standard output that `name` is durable. */
export function acknowledge(name: string): void {
  writeSync(1, `ack ${name}\n`);
}

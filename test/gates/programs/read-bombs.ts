import { crc32, deflateRawSync } from 'node:zlib';
import { readArchive } from '../../../gates/intake.ts';
import { type WrittenEntry, writeZip } from '../zip-writer.ts';

/*
 * A process of its own, so that what it needed at most is what the archives needed: makes archives of some 42 kB that would inflate to
 * gigabytes, reads them, and prints the refusals, the bytes of the largest and the process's highest resident size.
 */
const kernelBytes = 40_000_000;
const copies = 60;
const compressed = deflateRawSync(Buffer.alloc(kernelBytes), { level: 9 });
const crc = crc32(Buffer.alloc(kernelBytes));
const kernel: WrittenEntry = { name: 'a0.txt', compressed, crc };

const lying = writeZip([{ ...kernel, contentBytes: 10 }]);
const overlapping = writeZip([
  { ...kernel, contentBytes: 10 },
  ...Array.from({ length: copies }, (_, index) => ({
    ...{ ...kernel, name: `a${index + 1}.txt`, contentBytes: 10 },
    ...{ offset: 0, directoryOnly: true },
  })),
]);
const inner = writeZip(
  Array.from({ length: copies }, (_, index) => ({ ...kernel, name: `a${index}.txt`, contentBytes: kernelBytes })),
);
const nested = writeZip([{ name: 'a.txt', content: inner }]);

const before = process.resourceUsage().maxRSS;
const rules: string[] = [];
for (const archive of [lying, overlapping, nested]) {
  const read = await readArchive(archive);
  rules.push(read.kind === 'refused' ? read.rule : read.kind);
}
const archiveBytes = [lying, overlapping, nested].map(({ length }) => length);
process.stdout.write(`${JSON.stringify({ rules, archiveBytes, before, maxRssKib: process.resourceUsage().maxRSS })}\n`);

import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { llamaVocab, piecesIn } from '../../executor/llama-vocab.ts';

/** A field of protobuf's wire format with a length, which is less than 128. */
const field = (number: number, body: string) => Buffer.from([number * 8 + 2, body.length, ...Buffer.from(body)]);
const model = Buffer.concat([
  ...['a', 'bc', ''].map((text) => field(1, text)),
  field(2, 'the trainer'),
  Buffer.concat([Buffer.from([0x1a, 0x80, 0x01]), Buffer.alloc(128)]),
  field(1, 'd'),
]);

describe('V of the llama tokenizer', () => {
  it('is the number of its model’s pieces', () => {
    expect(piecesIn(model)).to.equal(4);
  });

  it('is nothing that broken bytes have', () => {
    for (const broken of [model.subarray(0, -1), Buffer.from([0x0a]), Buffer.alloc(20, 0xff), Buffer.from([0x08, 1])])
      expect(() => piecesIn(broken)).to.throw(/the model/);
  });

  it('is read from the tokenizers’ folder, or is an error', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'prism-llama-'));
    try {
      await mkdir(join(folder, 'llama'));
      await writeFile(join(folder, 'llama', 'tokenizer.model'), model);
      expect(await llamaVocab(folder)).to.equal(4);
      await writeFile(join(folder, 'llama', 'tokenizer.model'), '');
      expect(String(await llamaVocab(folder).catch((error: unknown) => error))).to.include('no pieces');
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});

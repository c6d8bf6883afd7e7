import { readFile } from 'node:fs/promises';
import { expect } from 'chai';
import { problemOfTokenizer } from '../../gates/declared-tokenizer.ts';

type Case = { readonly name: string; readonly text: string; readonly problem: string | null };

describe('A declared tokenizer’s file', () => {
  it('is taken or refused as the referee does, and the place is named', async () => {
    const { cases }: { cases: readonly Case[] } = JSON.parse(
      await readFile('gpu-runner/fixtures/bpe_files.json', 'utf8'),
    );
    expect(cases.length).to.be.above(20);
    for (const { name, text, problem } of cases) expect(problemOfTokenizer(Buffer.from(text)), name).to.equal(problem);
  });

  const declared = (merges: readonly unknown[]) => Buffer.from(JSON.stringify({ schema: 'prism_bpe.v1', merges }));
  const distinct = (count: number) =>
    Array.from({ length: count }, (_, index) => [Math.floor(index / 256), index % 256]);

  it('may declare 65,536 ids and no more', () => {
    expect(problemOfTokenizer(declared(distinct(65_280)))).to.equal(null);
    expect(problemOfTokenizer(declared(distinct(65_281)))).to.equal('merges must be a list of at most 65280 pairs');
  });

  it('is refused where it is too deep, or no text', () => {
    expect(problemOfTokenizer(Buffer.from('['.repeat(100_000)))).to.equal('not a JSON object');
    expect(problemOfTokenizer(Buffer.from([0xff]))).to.equal('not a JSON object');
  });
});

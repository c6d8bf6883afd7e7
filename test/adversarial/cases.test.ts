import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { attackTable, attackTableMarks } from './attack-table.ts';
import { bundleFiles, bundleNames } from './bundle.ts';
import { cases, type Group } from './cases.ts';
import { heldOutAttacks } from './held-out-attacks.ts';

const groupFiles: Readonly<Record<Group, string>> = {
  channel: 'channel.container.test.ts',
  answers: 'answers.container.test.ts',
  reruns: 'reruns.container.test.ts',
  limits: 'limits.container.test.ts',
  shapes: 'shapes.container.test.ts',
  heldOut: 'held-out.container.test.ts',
};

describe('The adversarial suite', () => {
  it('has a case for every bundle, and a bundle for every case', async () => {
    const twins = new Set(cases.map(({ twin = 'twin' }) => twin));
    expect(new Set(await bundleNames())).to.deep.equal(new Set([...twins, ...cases.map(({ name }) => name)]));
    expect(new Set(cases.map(({ name }) => name))).to.have.lengthOf(cases.length);
  });

  it('has eight honest designs or more', () => {
    expect(cases.filter(({ expected }) => expected.kind === 'confirmed')).to.have.lengthOf.at.least(8);
  });

  it('stands in docs/integrity.md as it is here (node dist/test/adversarial/write-attack-table.js)', async () => {
    const { begin, end } = attackTableMarks;
    const [, shown = ''] = (await readFile('docs/integrity.md', 'utf8')).split(begin);
    expect(unaligned(shown.split(end)[0] ?? '')).to.equal(unaligned(attackTable()));
  });

  it('names tests that there are', async () => {
    for (const { file, test } of heldOutAttacks) {
      const title = file.endsWith('.py') ? `def ${test}(` : `it('${test}'`;
      expect(await readFile(file, 'utf8'), file).to.contain(title);
    }
    for (const { name, group } of cases) {
      expect(await readFile(join('test/adversarial', groupFiles[group]), 'utf8'), name).to.contain(`, '${group}');`);
    }
  });

  it('gives every bundle both scripts and the modules that they import', async () => {
    const literals = new Proxy({}, { get: () => '0', has: () => true });
    for (const name of await bundleNames()) {
      const files = await bundleFiles(name, literals);
      expect(files, name).to.include.keys('architecture.py', 'training.py');
      expect(files['architecture.py'], name).to.contain('def build_model(ctx)');
      expect(files['training.py'], name).to.contain('def train(ctx)');
    }
  });
});

/** Without what the formatter does to tables. */
function unaligned(text: string): string {
  return text
    .replaceAll(/ *\| */g, '|')
    .replaceAll(/-{3,}/g, '---')
    .trim();
}

import { expect } from 'chai';
import { bundleFiles, bundleNames } from './bundle.ts';
import { cases } from './cases.ts';

describe('The adversarial suite', () => {
  it('has a case for every bundle, and a bundle for every case', async () => {
    const twins = new Set(cases.map(({ twin = 'twin' }) => twin));
    expect(new Set(await bundleNames())).to.deep.equal(new Set([...twins, ...cases.map(({ name }) => name)]));
    expect(new Set(cases.map(({ name }) => name))).to.have.lengthOf(cases.length);
  });

  it('has eight honest designs or more', () => {
    expect(cases.filter(({ expected }) => expected.kind === 'confirmed')).to.have.lengthOf.at.least(8);
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

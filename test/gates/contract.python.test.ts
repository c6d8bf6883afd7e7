import { readdirSync } from 'node:fs';
import { expect } from 'chai';
import type { BundleFile } from '../../domain/bundle.ts';
import { resolveContract } from '../../gates/contract.ts';
import { packDirectory } from '../../gates/pack.ts';
import { describeWithInspector } from './python-inspector.ts';

const policy = { tokenizers: ['bytes', 'gpt2'] } as const;

function bundle(sources: Readonly<Record<string, string>>): readonly BundleFile[] {
  return Object.entries(sources).map(([path, source]) => ({ path, bytes: Buffer.from(source) }));
}

const architecture =
  'import torch\nfrom blocks.mix import Mix\nARCHITECTURE_NAME = "Small net"\ndef build_model(ctx):\n    return Mix()\n';
const sources = {
  'architecture.py': architecture,
  'training.py': 'def train(ctx):\n    pass\n',
  'blocks/__init__.py': '',
  'blocks/mix.py': 'from . import parts\nclass Mix: pass\n',
  'blocks/parts.py': 'x = 1\n',
};

describeWithInspector('the contract gate over the real inspector', (inspector) => {
  async function resolve(files: Readonly<Record<string, string>>) {
    return resolveContract(bundle(files), inspector, policy);
  }

  it('follows imports and finds the name', async () => {
    const resolution = await resolve(sources);
    if (resolution.kind === 'failed') throw new Error(JSON.stringify(resolution.findings));
    expect(resolution.contract.name).to.equal('Small net');
    expect(resolution.contract.architecture.files).to.deep.equal([
      'architecture.py',
      'blocks/__init__.py',
      'blocks/mix.py',
      'blocks/parts.py',
    ]);
    expect(resolution.contract.training.files).to.deep.equal(['training.py']);
  });

  it('keeps a fingerprint under comments and formatting, and moves it with code', async () => {
    const fingerprint = async (training: string) => {
      const resolution = await resolve({ ...sources, 'training.py': training });
      return resolution.kind === 'resolved' ? resolution.contract.training.fingerprint : 'failed';
    };
    const first = await fingerprint('def train(ctx):\n    pass\n');
    expect(await fingerprint('# how it learns\ndef train( ctx ):\n  """Nothing."""\n  pass # yet\n')).to.equal(first);
    expect(await fingerprint('def train(ctx):\n    return 1\n')).to.not.equal(first);
  });

  it('finds the place of a syntax error', async () => {
    const resolution = await resolve({ ...sources, 'training.py': 'def train(ctx):\n    return (1\n' });
    expect(resolution.kind === 'failed' && resolution.findings[0]).to.include({
      rule: 'prism:contract-python-syntax',
      path: 'training.py',
      line: 2,
    });
  });

  it('finds a symbol that is no function', async () => {
    const resolution = await resolve({ ...sources, 'training.py': 'train = 3\n' });
    expect(resolution.kind === 'failed' && resolution.findings[0]).to.include({
      rule: 'prism:contract-symbol-not-callable',
      line: 1,
    });
  });

  for (const example of readdirSync('examples')) {
    it(`resolves examples/${example}`, async () => {
      const packed = await packDirectory(`examples/${example}`);
      if (packed.kind === 'refused') throw new Error(packed.detail);
      const resolution = await resolveContract(packed.files, inspector, policy);
      if (resolution.kind === 'failed') throw new Error(JSON.stringify(resolution.findings));
      expect(resolution.contract.tokenizer).to.equal(example === 'gpt2-v2' ? 'gpt2' : 'bytes');
    });
  }
});

import { createHash } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { expect } from 'chai';
import type { BundleFile } from '../../domain/bundle.ts';
import { policySchema } from '../../domain/policy/policy.ts';
import type { Finding } from '../../domain/submission/events.ts';
import { packDirectory } from '../../gates/pack.ts';
import { judgeStatically, type StaticPolicy } from '../../gates/static/judge.ts';
import { bundleFiles, bundleNames } from '../adversarial/bundle.ts';
import { expectedFindings, specimens, titleOf } from './corpus.ts';
import { describeWithInspector } from './python-inspector.ts';

const honestBundles = (await bundleNames()).filter((name) => /^honest-(?!when)/.test(name));
const { staticRules } = policySchema.parse({});

describeWithInspector('the static gate over the real inspector', (inspector) => {
  async function judge(files: readonly BundleFile[], policy: StaticPolicy = staticRules): Promise<readonly Finding[]> {
    const facts = await inspector.inspect(files.filter(({ path }) => path.endsWith('.py')));
    const broken = facts.find(({ error }) => error !== null);
    if (broken !== undefined) throw new Error(`${broken.path}: ${broken.error?.message}`);
    return judgeStatically(new Map(facts.map((module) => [module.path, module])), ['training.py'], policy);
  }
  const shown = ({ path, line, rule }: Finding) => `${path}:${line} ${rule}`;

  describe('finds, with rule and line and nothing else,', () => {
    for (const specimen of specimens('hostile')) {
      it(`${specimen.name}: ${titleOf(specimen)}`, async () => {
        const found = new Set((await judge(specimen.files)).map(shown));
        const expected = expectedFindings(specimen);
        expect(expected).to.not.deep.equal([]);
        expect([...found].toSorted()).to.deep.equal(expected);
      });
    }
  });

  describe('follows policy', () => {
    const script = (text: string) => [{ path: 'training.py', bytes: Buffer.from(text) }];

    it('that allows another module', async () => {
      const importRoots = [...staticRules.importRoots, 'einops'];
      expect(await judge(script('import einops\n'), { ...staticRules, importRoots })).to.deep.equal([]);
      expect((await judge(script('import einops\n'))).map(shown)).to.deep.equal(['training.py:1 prism:import-root']);
    });

    it('that switches a rule off', async () => {
      const text = 'import torch\nstep = torch.compile(print)\nopen("x")\n';
      const off = ['prism:no-torch-compile'];
      expect((await judge(script(text), { ...staticRules, off })).map(shown)).to.deep.equal([
        'training.py:3 prism:no-filesystem',
      ]);
    });
  });

  it('says what leads where, with node, column and the digest of the source text', async () => {
    const text = 'import torch as t\n\n\ndef train(ctx):\n    ü = t.hub.load("a", "b")\n';
    const [finding] = await judge([{ path: 'training.py', bytes: Buffer.from(text) }]);
    expect(finding).to.deep.equal({
      rule: 'prism:no-torch-hub',
      path: 'training.py',
      line: 5,
      column: 9,
      node: 'Attribute',
      excerptHash: createHash('sha256').update('t.hub.load').digest('hex'),
      explanation: finding?.explanation,
    });
    expect(finding?.explanation).to.include('`torch.hub.load`');
  });

  describe('finds nothing in', () => {
    for (const { name, files } of specimens('honest')) {
      it(name, async () => {
        expect((await judge(files)).map((finding) => `${shown(finding)}: ${finding.explanation}`)).to.deep.equal([]);
      });
    }
    for (const name of ['twin', ...honestBundles]) {
      it(`the adversarial suite's ${name}`, async () => {
        const files = Object.entries(await bundleFiles(name));
        expect(
          (await judge(files.map(([path, text]) => ({ path, bytes: Buffer.from(text) })))).map(shown),
        ).to.deep.equal([]);
      });
    }
    for (const example of readdirSync('examples')) {
      it(`examples/${example}${example === 'forbidden' ? ', but for the file that it opens' : ''}`, async () => {
        const packed = await packDirectory(`examples/${example}`);
        if (packed.kind === 'refused') throw new Error(packed.detail);
        const expected = example === 'forbidden' ? ['training.py:22 prism:no-filesystem'] : [];
        expect((await judge(packed.files)).map(shown)).to.deep.equal(expected);
      });
    }
  });
});

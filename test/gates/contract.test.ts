import { expect } from 'chai';
import type { BundleFile } from '../../domain/bundle.ts';
import { findingSchema, type ResolvedContract, resolvedContractSchema } from '../../domain/submission/events.ts';
import { tokenizerClasses } from '../../domain/tokenizer.ts';
import { type ContractPolicy, resolveContract } from '../../gates/contract.ts';
import { contractRules } from '../../gates/contract-rules.ts';
import { offeredHere } from '../../gates/tokenizer.ts';
import { activePolicy } from '../domain/submission-examples.ts';
import { fakeInspector, type GivenFacts } from './fake-inspector.ts';

type Sources = Readonly<Record<string, string | Uint8Array>>;
type Facts = Readonly<Record<string, GivenFacts>>;

const policy: ContractPolicy = { tokenizers: ['bytes', 'gpt2'] };
const every: ContractPolicy = { tokenizers: tokenizerClasses };
const scripts = { 'architecture.py': 'a', 'training.py': 't' };

function bundle(sources: Sources): readonly BundleFile[] {
  return Object.entries(sources).map(([path, source]) => ({ path, bytes: Buffer.from(source) }));
}

function resolve(sources: Sources, facts: Facts = {}, offered: ContractPolicy = policy) {
  return resolveContract(bundle(sources), fakeInspector(facts), offered);
}

async function resolved(sources: Sources, facts: Facts = {}): Promise<ResolvedContract> {
  const resolution = await resolve(sources, facts);
  if (resolution.kind === 'failed') throw new Error(JSON.stringify(resolution.findings));
  return resolvedContractSchema.parse(resolution.contract);
}

async function findings(sources: Sources, facts: Facts = {}) {
  const resolution = await resolve(sources, facts);
  return resolution.kind === 'failed' ? resolution.findings.map((each) => findingSchema.parse(each)) : [];
}

async function rules(sources: Sources, facts: Facts = {}): Promise<readonly string[]> {
  return (await findings(sources, facts)).map((each) => each.rule.replace('prism:contract-', ''));
}

const manifest = (text: string | Uint8Array): Sources => ({ ...scripts, 'prism.yaml': text });

describe('a contract without a manifest', () => {
  it('takes the defaults', async () => {
    expect(await resolved(scripts)).to.deep.include({
      kind: 'full',
      architectureId: null,
      name: null,
      tokenizer: 'bytes',
    });
    const { architecture, training } = await resolved(scripts);
    expect(architecture).to.deep.include({
      entrypoint: 'architecture.py',
      symbol: 'build_model',
      files: ['architecture.py'],
    });
    expect(training).to.deep.include({ entrypoint: 'training.py', symbol: 'train', files: ['training.py'] });
  });

  it('names each script that is missing', async () => {
    const found = await findings({ 'model.py': 'x' });
    expect(found.map((each) => [each.rule, each.path])).to.deep.equal([
      ['prism:contract-script-missing', 'architecture.py'],
      ['prism:contract-script-missing', 'training.py'],
    ]);
  });

  it('says where the scripts are if their folder was zipped', async () => {
    const [found] = await findings({ 'repo/architecture.py': 'a', 'repo/training.py': 't' });
    expect(found?.explanation).to.contain('repo/architecture.py');
  });

  it('takes ARCHITECTURE_NAME as the name, and drops one that breaks the rule', async () => {
    const named = (architectureName: string) => resolved(scripts, { 'architecture.py': { architectureName } });
    expect((await named('Minimal GRU [v1.2] (A/B) + C & D')).name).to.equal('Minimal GRU [v1.2] (A/B) + C & D');
    expect((await named('<script>')).name).to.equal(null);
    expect((await named('x'.repeat(49))).name).to.equal(null);
    expect((await named('   ')).name).to.equal(null);
  });
});

describe('a contract with a manifest', () => {
  it('honours every field', async () => {
    const contract = await resolved(
      {
        'model/net.py': 'n',
        'loop.py': 'l',
        'notes.md': 'm',
        'prism.yml': `
kind: architecture_only
architecture_id: fam-1
name: Net
tokenizer: gpt2
architecture: {entrypoint: model/net.py::make, files: notes.md}
training: {entrypoint: ./loop.py, function: run, files: [notes.md]}
`,
      },
      { 'model/net.py': { symbols: ['make'] }, 'loop.py': { symbols: ['run'] } },
    );
    expect(contract).to.deep.include({
      kind: 'architecture_only',
      architectureId: 'fam-1',
      name: 'Net',
      tokenizer: 'gpt2',
    });
    expect(contract.architecture).to.deep.include({
      entrypoint: 'model/net.py',
      symbol: 'make',
      files: ['model/net.py', 'notes.md'],
    });
    expect(contract.training).to.deep.include({ entrypoint: 'loop.py', symbol: 'run', files: ['loop.py', 'notes.md'] });
  });

  it('prefers its name to ARCHITECTURE_NAME', async () => {
    const facts = { 'architecture.py': { architectureName: 'constant' } };
    expect((await resolved(manifest('name: declared'), facts)).name).to.equal('declared');
    expect((await resolved(manifest('name: 12'), facts)).name).to.equal('constant');
    expect((await resolved(manifest('name: [a]'), facts)).name).to.equal('constant');
  });

  it('takes an empty document, and keys without a value, as nothing declared', async () => {
    expect((await resolved(manifest('# nothing\n'))).kind).to.equal('full');
    expect((await resolved(manifest('kind:\ntokenizer:\ntraining:\n'))).tokenizer).to.equal('bytes');
  });

  for (const key of ['factory', 'function', 'entry']) {
    it(`takes a symbol from ${key}, repeated in the entrypoint or not`, async () => {
      const facts = { 'architecture.py': { symbols: ['make'] } };
      expect((await resolved(manifest(`architecture: {${key}: make}`), facts)).architecture.symbol).to.equal('make');
      const twice = `architecture: {entrypoint: "architecture.py::make", ${key}: make}`;
      expect((await resolved(manifest(twice), facts)).architecture.symbol).to.equal('make');
    });
  }

  it('ignores keys of others, whatever they hold', async () => {
    const text = 'author: me\nnote: x\nhyperparameters: {lr: 3e-4, 1: [a]}\ntraining: {learning_rate: 1}\n';
    expect((await resolved(manifest(text))).kind).to.equal('full');
  });
});

describe('a manifest is refused', () => {
  const cases: readonly (readonly [what: string, text: string | Uint8Array, rule: string])[] = [
    ['for an unknown kind', 'kind: partial', 'kind'],
    ['for a kind in other letters', 'kind: Full', 'kind'],
    ['for an empty kind', 'kind: ""', 'kind'],
    ['for a kind that is no text', 'kind: [full]', 'kind'],
    ['for an entrypoint that is no Python file', 'training: {entrypoint: train}', 'entrypoint'],
    ['for an entrypoint with an empty symbol', 'training: {entrypoint: "training.py::"}', 'entrypoint'],
    ['for an entrypoint with two symbols', 'training: {entrypoint: "training.py::a::b"}', 'entrypoint'],
    ['for an entrypoint that is a list', 'training: {entrypoint: [training.py]}', 'entrypoint'],
    ['for an entrypoint that is missing', 'training: {entrypoint: loop.py}', 'script-missing'],
    ['for an entrypoint outside the bundle', 'training: {entrypoint: ../training.py}', 'script-missing'],
    ['for one script in both roles', 'training: {entrypoint: architecture.py}', 'same-script'],
    ['for two symbols of one role', 'training: {entrypoint: "training.py::a", function: b}', 'symbol-conflict'],
    ['for two symbol keys that differ', 'training: {factory: a, entry: b}', 'symbol-conflict'],
    ['for a symbol that is no identifier', 'training: {function: "os.system"}', 'symbol-name'],
    ['for a symbol that is no text', 'training: {function: 3}', 'manifest-value'],
    ['for a role that is no mapping', 'training: training.py', 'manifest-value'],
    ['for files that are missing', 'training: {files: [a.txt]}', 'declared-file-missing'],
    ['for files that are no paths', 'training: {files: [{a: 1}]}', 'manifest-value'],
    ['for an architecture_id that is no text', 'architecture_id: 7', 'manifest-value'],
    ['for a tokenizer that nobody knows', 'tokenizer: mine', 'tokenizer-unknown'],
    ['for a tokenizer that is no name', 'tokenizer: {vocab: 3}', 'tokenizer-unknown'],
    ['for a tokenizer that policy does not offer', 'tokenizer: llama', 'tokenizer-not-offered'],
    ['for a tokenizer file of its own, while policy offers none', 'tokenizer: training.py', 'tokenizer-not-offered'],
    ['for a misspelt key', 'tokenizr: gpt2', 'manifest-key'],
    ['for a key in other letters', 'Kind: full', 'manifest-key'],
    ['for two swapped letters', 'knid: full', 'manifest-key'],
    ['for a misspelt key of a role', 'training: {entry_point: loop.py}', 'manifest-key'],
    ['for a dotted key', 'training.entrypoint: loop.py', 'manifest-key'],
    ['for an unknown section with an entrypoint', 'model: {entrypoint: net.py}', 'manifest-key'],
    ['for a merge key', 'x: &x {kind: full}\n<<: *x', 'manifest-key'],
    ['for a key twice', 'kind: full\nkind: full', 'manifest-syntax'],
    ['for a key twice in a role', 'training: {files: [], files: []}', 'manifest-syntax'],
    ['for broken YAML', 'kind: [full', 'manifest-syntax'],
    ['for two documents', 'kind: full\n---\nkind: full\n', 'manifest-syntax'],
    ['for a tag of another language', 'kind: !!python/object:os.system full', 'manifest-syntax'],
    ['for bytes that are no UTF-8', Buffer.from([0x6b, 0xff]), 'manifest-syntax'],
    ['for being no mapping', '- kind', 'manifest-value'],
    ['for a name that nothing could store', 'architecture_id: "\\ud800"', 'manifest-value'],
    ['for more than 16,384 bytes', `# ${'x'.repeat(16_384)}`, 'manifest-size'],
  ];
  for (const [what, text, rule] of cases) {
    it(what, async () => {
      expect(await rules(manifest(text))).to.deep.equal([rule]);
    });
  }

  it('for being there twice', async () => {
    expect(await rules({ ...scripts, 'prism.yaml': '', 'prism.yml': '' })).to.deep.equal(['manifest-twice']);
  });

  it('for a bomb of aliases, without expanding it', async () => {
    const levels = Array.from(
      { length: 30 },
      (_, index) => `a${index + 1}: &a${index + 1} [*a${index}, *a${index}, *a${index}]`,
    );
    expect(await rules(manifest(['a0: &a0 [x]', ...levels].join('\n')))).to.deep.equal(['manifest-syntax']);
  });

  const deep = [
    '['.repeat(16_000),
    '['.repeat(8_000) + ']'.repeat(8_000),
    '- '.repeat(8_000),
    '? '.repeat(8_000),
    '{a: '.repeat(4_000),
    Array.from({ length: 160 }, (_, depth) => `${' '.repeat(depth)}a:`).join('\n'),
  ];
  for (const text of deep) {
    // Deep recursion inside the library can end the process without an exception.
    it(`for nesting deeper than any manifest needs: ${text.slice(0, 6).trim()}…`, async () => {
      expect(await rules(manifest(text))).to.deep.equal(['manifest-syntax']);
    });
  }

  it('not for a long one: 2,000 keys of others', async () => {
    const text = Array.from({ length: 2_000 }, (_, index) => `k${index}:`).join('\n');
    expect(await rules(manifest(text))).to.deep.equal([]);
  });

  it('with the line and column of the key, and all findings at once', async () => {
    const found = await findings(manifest('name: x\nkind: odd\ntraining:\n  files: a.txt\n'));
    expect(found.map(({ rule, path, line, column }) => [rule, path, line, column])).to.deep.equal([
      ['prism:contract-kind', 'prism.yaml', 2, 1],
      ['prism:contract-declared-file-missing', 'prism.yaml', 4, 3],
    ]);
  });

  it('for a tokenizer that this policy leaves out, whether named or by default', async () => {
    const resolution = await resolve(manifest('tokenizer: gpt2'), {}, { tokenizers: ['bytes'] });
    expect(resolution.kind === 'failed' && resolution.findings[0]?.rule).to.equal(
      'prism:contract-tokenizer-not-offered',
    );
  });
});

describe('a tokenizer of the bundle’s own', () => {
  const declaring = (path: string, file?: string): Sources => ({
    ...manifest(`tokenizer: ${path}`),
    ...(file === undefined ? {} : { [path]: file }),
  });
  const merges = '{"schema": "prism_bpe.v1", "merges": [[116, 104]]}';
  const found = async (sources: Sources) => {
    const resolution = await resolve(sources, {}, every);
    return resolution.kind === 'failed' ? resolution.findings : [];
  };

  it('is the file that the manifest names', async () => {
    const resolution = await resolve(declaring('words/tokens.json', merges), {}, every);
    if (resolution.kind === 'failed') return expect.fail(JSON.stringify(resolution.findings));
    expect(resolvedContractSchema.parse(resolution.contract).tokenizer).to.deep.equal({
      bpe: { path: 'words/tokens.json' },
    });
  });

  it('that breaks the form is found at the file, with the reason', async () => {
    const [problem, ...others] = await found(declaring('tokens.json', merges.replace('116', '300')));
    expect(others).to.deep.equal([]);
    expect(problem).to.include({ rule: 'prism:contract-tokenizer-file', path: 'tokens.json' });
    expect(problem?.explanation).to.include('merges[0] must be two ids from 0 to 255');
  });

  it('must be in the bundle, a JSON file, and offered', async () => {
    const [missing] = await found(declaring('tokens.json'));
    expect(missing).to.include({ rule: 'prism:contract-declared-file-missing', path: 'prism.yaml' });
    const [noJson] = await found(declaring('tokens.txt', merges));
    expect(noJson).to.include({ rule: 'prism:contract-tokenizer-file', path: 'tokens.txt' });
    expect(await rules(declaring('tokens.json', merges))).to.deep.equal(['tokenizer-not-offered']);
  });

  it('is one of those that a deployment can offer; `llama` is where it has the model', async () => {
    const policy = activePolicy({ tokenizers: ['bytes', 'llama', 'declared'] });
    const { tokenizers } = offeredHere(policy, ['bytes', 'gpt2', 'declared']).policy;
    expect(tokenizers).to.deep.equal(['bytes', 'declared']);
    const without = await resolve(manifest('tokenizer: llama'), {}, { tokenizers });
    expect(without.kind === 'failed' && without.findings[0]?.explanation).to.include('It offers bytes, declared.');
    const having = await resolve(manifest('tokenizer: llama'), {}, offeredHere(policy, tokenizerClasses).policy);
    expect(having.kind === 'resolved' && having.contract.tokenizer).to.equal('llama');
  });
});

describe('the scripts of a contract', () => {
  it('must parse, all of them, and the finding has the place', async () => {
    const error = { line: 3, column: 7, message: 'invalid syntax' };
    const found = await findings({ ...scripts, 'extra.py': '(' }, { 'extra.py': { error, symbols: [] } });
    expect(found).to.have.length(1);
    expect(found[0]).to.deep.include({ rule: 'prism:contract-python-syntax', path: 'extra.py', line: 3, column: 7 });
    expect(found[0]?.explanation).to.contain('invalid syntax');
  });

  it('must define their symbol at top level', async () => {
    const found = await findings(scripts, { 'training.py': { symbols: ['main'] } });
    expect(found[0]).to.deep.include({ rule: 'prism:contract-symbol-missing', path: 'training.py' });
    expect(found[0]?.explanation).to.contain('`train`');
  });

  it('must bind it to something callable; what the parser cannot know passes', async () => {
    const bound = (callable: 'no' | 'unknown') => ({
      'training.py': { symbols: [{ name: 'train', callable, line: 9 }] },
    });
    const found = await findings(scripts, bound('no'));
    expect(found[0]).to.deep.include({ rule: 'prism:contract-symbol-not-callable', path: 'training.py', line: 9 });
    expect(await rules(scripts, bound('unknown'))).to.deep.equal([]);
  });

  it('yield at most 100 findings', async () => {
    const broken = Object.fromEntries(Array.from({ length: 150 }, (_, index) => [`m${index}.py`, '(']));
    const facts = Object.fromEntries(
      Object.keys(broken).map((path) => [path, { error: { line: 1, column: 1, message: 'x'.repeat(5_000) } }]),
    );
    expect(await findings({ ...scripts, ...broken }, facts)).to.have.length(100);
  });
});

describe('fingerprints', () => {
  const sources = { ...scripts, 'blocks/__init__.py': '', 'blocks/mix.py': 'mix', 'other.py': 'o', 'table.json': '{}' };
  const facts: Facts = {
    'architecture.py': { imports: ['blocks/__init__.py', 'blocks/mix.py'] },
    'blocks/mix.py': { imports: ['other.py', 'blocks/mix.py'] },
    'other.py': { imports: ['architecture.py'] },
  };

  it('cover what a role imports, transitively and in circles', async () => {
    const { architecture, training } = await resolved(sources, facts);
    expect(architecture.files).to.deep.equal(['architecture.py', 'blocks/__init__.py', 'blocks/mix.py', 'other.py']);
    expect(training.files).to.deep.equal(['training.py']);
  });

  it('move with a module of the role, and not with one of the other or of none', async () => {
    const before = await resolved(sources, facts);
    const after = await resolved({ ...sources, 'other.py': 'changed', 'unused.py': 'new' }, facts);
    expect(after.architecture.fingerprint).to.not.equal(before.architecture.fingerprint);
    expect(after.training.fingerprint).to.equal(before.training.fingerprint);
  });

  it('follow the canonical source of modules and the bytes of other files', async () => {
    const canonicalHash = 'c'.repeat(64);
    const same: Facts = { 'training.py': { canonicalHash } };
    const first = await resolved(scripts, same);
    const commented = await resolved({ ...scripts, 'training.py': 't # comment' }, same);
    expect(commented.training.fingerprint).to.equal(first.training.fingerprint);
    const declaring = (table: string) =>
      resolved({ ...manifest('training: {files: table.json}'), 'table.json': table });
    expect((await declaring('1')).training.fingerprint).to.not.equal((await declaring('2')).training.fingerprint);
  });
});

describe('the rules of the contract', () => {
  it('are a closed list, each with an explanation', () => {
    for (const [rule, explanation] of Object.entries(contractRules)) {
      expect(rule).to.match(/^prism:contract-[a-z-]+$/);
      expect(explanation).to.match(/\.$/);
    }
  });
});

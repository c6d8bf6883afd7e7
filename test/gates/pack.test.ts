import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect } from 'chai';
import { packDirectory } from '../../gates/pack.ts';

describe('packing a directory', () => {
  let root = '';

  beforeEach(async () => {
    root = await mkdtemp(path.join(tmpdir(), 'prism-pack-'));
    await write('architecture.py', 'a');
    await write('training.py', 'b');
  });

  afterEach(() => rm(root, { recursive: true }));

  async function write(relative: string, content: string | Uint8Array): Promise<void> {
    await mkdir(path.dirname(path.join(root, relative)), { recursive: true });
    await writeFile(path.join(root, relative), content);
  }

  async function verdict(): Promise<string> {
    const packed = await packDirectory(root);
    return packed.kind === 'refused' ? packed.rule : packed.kind;
  }

  it('gives the same bytes for the same files', async () => {
    const first = await packDirectory(root);
    await rm(path.join(root, 'architecture.py'));
    await write('architecture.py', 'a');
    const second = await packDirectory(root);
    if (first.kind === 'refused' || second.kind === 'refused') throw new Error('refused');
    expect(Buffer.from(first.archive).equals(Buffer.from(second.archive))).to.equal(true);
    expect(first.codeHash).to.equal(second.codeHash);
  });

  it('leaves out dot files and __pycache__, and nothing else', async () => {
    await write('.git/config', 'x');
    await write('.env', 'secret');
    await write('blocks/__pycache__/mix.cpython-311.pyc', 'x');
    await write('blocks/mix.py', 'x');
    const packed = await packDirectory(root);
    if (packed.kind === 'refused') throw new Error(packed.detail);
    expect(packed.files.map((file) => file.path)).to.deep.equal(['architecture.py', 'blocks/mix.py', 'training.py']);
  });

  it('refuses what intake refuses, under the same rule', async () => {
    await write('weights.bin', 'x');
    expect(await verdict()).to.equal('prism:zip-suffix');
    await rm(path.join(root, 'weights.bin'));
    await write('weights.txt', Buffer.alloc(2_000_001));
    expect(await verdict()).to.equal('prism:zip-too-much-content');
    await rm(path.join(root, 'weights.txt'));
    await write('Training.py', 'x');
    expect(await verdict()).to.equal('prism:zip-duplicate');
  });

  it('refuses links and does not follow them', async () => {
    await symlink('/etc', path.join(root, 'etc'));
    expect(await verdict()).to.equal('prism:zip-symlink');
  });

  it('refuses a directory without files', async () => {
    await rm(path.join(root, 'architecture.py'));
    await rm(path.join(root, 'training.py'));
    expect(await verdict()).to.equal('prism:zip-empty');
  });

  it('stops early in a directory that is no bundle', async () => {
    for (let index = 0; index < 201; index++) await write(`m${index}.py`, '');
    expect(await verdict()).to.equal('prism:zip-too-many-files');
  });
});

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { checkTables, ensureTables } from '../../gpu-runner/tables/tables.mjs';
import { canonicalJson } from '../../scripts/lib/canonical-json.mjs';

const sha256 = (text) => createHash('sha256').update(text).digest('hex');

describe('the tokenizers’ folder', () => {
  let cache;
  const earlier = { cache: process.env.PRISM_CACHE, model: process.env.PRISM_LLAMA_MODEL };

  beforeEach(async () => {
    cache = await mkdtemp(path.join(os.tmpdir(), 'prism-tables-'));
    process.env.PRISM_CACHE = cache;
    delete process.env.PRISM_LLAMA_MODEL;
    const files = [];
    await mkdir(path.join(cache, 'tokenizers/gpt2'), { recursive: true });
    for (const name of ['gpt2/encoder.json', 'gpt2/vocab.bpe']) {
      await writeFile(path.join(cache, 'tokenizers', name), name);
      files.push({ path: name, sha256: sha256(name), bytes: name.length });
    }
    const manifest = canonicalJson({ schema: 'prism_tokenizers.v1', files });
    await writeFile(path.join(cache, 'tokenizers/MANIFEST.json'), manifest);
  });
  afterEach(async () => {
    for (const [name, value] of Object.entries({ PRISM_CACHE: earlier.cache, PRISM_LLAMA_MODEL: earlier.model })) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
    await rm(cache, { recursive: true });
  });

  it('makes `llama` possible only where a model is given, in a folder of its own', async () => {
    const plain = await ensureTables();
    assert.deepEqual(plain.tokenizers, ['bytes', 'gpt2', 'declared']);
    const model = path.join(cache, 'given.model');
    await writeFile(model, 'a model');
    process.env.PRISM_LLAMA_MODEL = model;
    assert.match((await checkTables()).problem, /ENOENT/);
    const { folder, digest, tokenizers } = await ensureTables();
    assert.deepEqual(tokenizers, ['bytes', 'gpt2', 'declared', 'llama']);
    assert.equal(path.basename(folder), `tokenizers-${sha256('a model').slice(0, 12)}`);
    assert.equal(digest, sha256(await readFile(path.join(folder, 'MANIFEST.json'))));
    const { files } = JSON.parse(await readFile(path.join(folder, 'MANIFEST.json'), 'utf8'));
    assert.deepEqual(
      files.map((file) => file.path),
      ['gpt2/encoder.json', 'gpt2/vocab.bpe', 'llama/tokenizer.model'],
    );
    assert.deepEqual(await checkTables(), { folder, problem: null });
    delete process.env.PRISM_LLAMA_MODEL;
    assert.deepEqual(await ensureTables(), plain);
  });

  it('says that a model can’t be read, and makes good what was changed', async () => {
    process.env.PRISM_LLAMA_MODEL = path.join(cache, 'nowhere');
    await assert.rejects(ensureTables(), /PRISM_LLAMA_MODEL: .*nowhere can't be read/);
    process.env.PRISM_LLAMA_MODEL = path.join(cache, 'given.model');
    await writeFile(process.env.PRISM_LLAMA_MODEL, 'a model');
    const { folder } = await ensureTables();
    await writeFile(path.join(folder, 'llama/tokenizer.model'), 'another');
    assert.match((await checkTables()).problem, /not what its manifest says/);
    await ensureTables();
    assert.equal(await readFile(path.join(folder, 'llama/tokenizer.model'), 'utf8'), 'a model');
  });
});

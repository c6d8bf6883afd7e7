#!/usr/bin/env node
// The demo corpus: three public-domain works out of Debian packages, as locked data of three splits.
//
//   node gpu-runner/corpus/corpus.mjs
//
// <cache>/corpus-<hash>/MANIFEST.json and {train,val,test}/{MANIFEST.json,0000.jsonl,…}; the hash is that of the code and
// key that make it. The same package versions give the same bytes, everywhere.
import { chmod, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { cachePath, sha256, sha256File } from '../../scripts/lib/cache.mjs';
import { isDebian } from '../../scripts/lib/debian.mjs';
import { requestJson } from '../../scripts/lib/docker-api.mjs';
import { runInContainer } from '../../scripts/lib/docker-run.mjs';
import { withLock } from '../../scripts/lib/lock.mjs';
import { run } from '../../scripts/lib/process.mjs';
import { main, say, step } from '../../scripts/lib/steps.mjs';
import { withWorkFolder } from '../../scripts/lib/work-folder.mjs';
import { ensureBase } from '../image/base.mjs';
import { parseBible, parseDictionary, parseJargon } from './documents.mjs';
import { describeSplit, manifestText, problemOf, withFolders } from './manifest.mjs';
import { SPLITS, shardBytes, shardsOf, splitOf } from './partition.mjs';

const here = path.dirname(fileURLToPath(import.meta.url));
const MAKERS = ['corpus.mjs', 'demo-key.txt', 'documents.mjs', 'fetch-sources.sh', 'manifest.mjs', 'partition.mjs'];

/** The versions that the committed figures were taken with; others work, and the manifest names what was used. */
const WORKS = [
  {
    package: 'bible-kjv-text',
    pinned: '4.38',
    work: 'The Bible, King James Version',
    licence: 'public domain (outside UK letters patent)',
  },
  {
    package: 'dict-devil',
    pinned: '1.0-13.1',
    work: 'The Devil’s Dictionary, Ambrose Bierce, 1911',
    licence: 'public domain',
  },
  { package: 'jargon-text', pinned: '4.4.7-4.1', work: 'The Jargon File 4.4.7', licence: 'public domain' },
];

/** `{folder, digest, splits: {name: {folder, digest, documents, bytes}}}`; digests are those of the manifests. */
export async function ensureCorpus() {
  const folder = await corpusFolder();
  if ((await problemOf(folder)) !== null) {
    await withLock(cachePath('locks', 'corpus'), async () => {
      if ((await problemOf(folder)) !== null) await step('making the demo corpus', () => make(folder));
    });
  }
  return describeCorpus(folder);
}

/** Where the corpus of the present code and key lies, whether or not it is there yet. */
export async function corpusFolder() {
  const makers = await Promise.all(MAKERS.map((name) => sha256File(path.join(here, name))));
  return cachePath(`corpus-${sha256(makers.join('')).slice(0, 12)}`);
}

async function describeCorpus(folder) {
  const manifest = JSON.parse(await readFile(path.join(folder, 'MANIFEST.json'), 'utf8'));
  const splits = await Promise.all(
    SPLITS.map(async (name) => {
      const { documents, bytes } = manifest.splits[name];
      return [
        name,
        {
          folder: path.join(folder, name),
          digest: await sha256File(path.join(folder, name, 'MANIFEST.json')),
          documents,
          bytes,
        },
      ];
    }),
  );
  return { folder, digest: await sha256File(path.join(folder, 'MANIFEST.json')), splits: Object.fromEntries(splits) };
}

/** The key's bytes: the file's one line that isn't a comment, in hex. */
export async function demoKey() {
  const lines = (await readFile(path.join(here, 'demo-key.txt'), 'utf8')).split('\n');
  return Buffer.from(
    lines.find((line) => line && !line.startsWith('#')),
    'hex',
  );
}

async function make(folder) {
  await withWorkFolder('corpus', async (work) => {
    await fetchSources(work);
    const read = (name) => readFile(path.join(work, name));
    const documents = [
      ...parseBible((await read('kjv.txt')).toString()),
      ...parseDictionary(await read('devil.dict'), (await read('devil.index')).toString()),
      ...parseJargon((await read('jargon.txt')).toString()),
    ];
    const made = path.join(work, 'corpus');
    await writeCorpus(made, documents, describeSources((await read('packages.txt')).toString()));
    await rm(folder, { recursive: true, force: true });
    await rename(made, folder);
  });
}

/** Natively on Debian, else in a container of the base image, which reaches the network for this. */
async function fetchSources(work) {
  if (await isDebian()) return run('sh', [path.join(here, 'fetch-sources.sh'), work], { log: 'corpus-sources' });
  const { Arch: architecture } = await requestJson('GET', '/version');
  const { image } = await ensureBase(architecture);
  const script = await readFile(path.join(here, 'fetch-sources.sh'), 'utf8');
  const owner = `${process.getuid?.() ?? 0}:${process.getgid?.() ?? 0}`;
  const command = ['sh', '-c', `set -e; sh -c "$0" fetch-sources.sh /sources; chown -R ${owner} /sources`, script];
  const exitCode = await runInContainer(
    { Image: image, Cmd: command, HostConfig: { Binds: [`${work}:/sources`] } },
    { onStdout: say, onStderr: say },
  );
  if (exitCode !== 0) throw new Error(`fetching the corpus in a container ended with ${exitCode}`);
}

function describeSources(packages) {
  const found = new Map(
    packages
      .trim()
      .split('\n')
      .map((line) => line.split(' '))
      .map(([name, version, digest]) => [name, { version, digest }]),
  );
  return WORKS.map(({ package: name, pinned, work, licence }) => {
    const { version, digest } = found.get(name);
    if (version !== pinned)
      say(
        `the mirror has ${name} ${version}, not ${pinned}: this corpus differs from the one that published figures were taken with`,
      );
    return { package: name, version, packageSha256: digest, work, licence };
  });
}

async function writeCorpus(folder, documents, sources) {
  const key = await demoKey();
  const splits = {};
  for (const name of SPLITS) {
    const shards = shardsOf(documents.filter(({ id }) => splitOf(key, id) === name));
    splits[name] = describeSplit(shards);
    await mkdir(path.join(folder, name), { recursive: true });
    for (const [number, shard] of shards.entries())
      await writeFile(path.join(folder, name, splits[name].shards[number].path), shardBytes(shard));
    await writeFile(
      path.join(folder, name, 'MANIFEST.json'),
      manifestText({ sources, key, splits: { [name]: splits[name] } }),
    );
  }
  await writeFile(path.join(folder, 'MANIFEST.json'), manifestText({ sources, key, splits: withFolders(splits) }));
  await makeReadable(folder);
}

/** The referee reads as another user. */
async function makeReadable(folder) {
  await chmod(folder, 0o755);
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const each = path.join(folder, entry.name);
    if (entry.isDirectory()) await makeReadable(each);
    else await chmod(each, 0o644);
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await main(async () => {
    process.stdout.write(`${JSON.stringify(await ensureCorpus())}\n`);
  });
}

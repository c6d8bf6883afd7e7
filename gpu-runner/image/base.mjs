// The base image: a minimal Debian with Python, made by debootstrap and imported; reused by the hash of what makes it.
//
// PRISM_BASE_IMAGE    an image to build upon instead (it needs Python 3.11 with pip); a CUDA image, for instance
//
// Where debootstrap can't run (not root, not Debian, another architecture than the engine's), the same packages are
// installed on a pulled Debian image.
import { spawn } from 'node:child_process';
import { readdir, readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { sha256 } from '../../scripts/lib/cache.mjs';
import { aptInstall, debianMirror, mayInstall } from '../../scripts/lib/debian.mjs';
import { followProgress, inspectImage, request } from '../../scripts/lib/docker-api.mjs';
import { buildImage } from '../../scripts/lib/docker-build.mjs';
import { runInContainer } from '../../scripts/lib/docker-run.mjs';
import { capture, findProgram, run, waitFor } from '../../scripts/lib/process.mjs';
import { step } from '../../scripts/lib/steps.mjs';
import { withWorkFolder } from '../../scripts/lib/work-folder.mjs';
import { imageFolder } from './digest.mjs';

const SUITE = 'bookworm';
const PACKAGES = ['python3', 'python3-pip'];
const DEBS_LABEL = 'prism.debs';

/** An image to build on, and the sorted name=version of its Debian packages: `{image, debs}`. */
export async function ensureBase(architecture) {
  const given = process.env.PRISM_BASE_IMAGE;
  if (given) {
    if (!(await inspectImage(given))) await pull(given);
    return { image: given, debs: await packagesInside(given) };
  }
  const recipe = await readFile(fileURLToPath(import.meta.url));
  const image = `prism-base:${sha256(JSON.stringify([SUITE, PACKAGES, architecture, sha256(recipe)])).slice(0, 12)}`;
  const present = await inspectImage(image);
  const label = present?.Config.Labels?.[DEBS_LABEL];
  if (label) return { image, debs: label.split(' ') };
  const local = { x64: 'amd64', arm64: 'arm64' }[process.arch];
  if (architecture === local && (await mayInstall()))
    return step(`making the base image (debootstrap ${SUITE})`, () => bootstrap(image, architecture));
  return step(`making the base image (on debian:${SUITE}-slim)`, () => buildOnPulled(image));
}

async function bootstrap(image, architecture) {
  if (!(await findProgram('debootstrap'))) await aptInstall(['debootstrap', 'debian-archive-keyring']);
  const mirror = await debianMirror(SUITE);
  return withWorkFolder('base', async (root) => {
    await run(
      await findProgram('debootstrap'),
      [`--arch=${architecture}`, '--variant=minbase', `--include=${PACKAGES.join(',')}`, SUITE, root, mirror],
      { log: 'debootstrap' },
    );
    await tidy(root);
    const debs = debsFrom(await capture('dpkg-query', [`--admindir=${root}/var/lib/dpkg`, '-W']));
    await importTree(root, image, debs);
    return { image, debs };
  });
}

/** Takes out what belongs to this machine (mirror, resolver, host name), what apt fetches anew, and prose. */
async function tidy(root) {
  const emptied = [
    'var/cache/apt',
    'var/lib/apt/lists',
    'var/log',
    'usr/share/man',
    'usr/share/info',
    'usr/share/locale',
    'tmp',
  ];
  for (const folder of emptied) {
    for (const name of await readdir(path.join(root, folder)).catch(() => []))
      await rm(path.join(root, folder, name), { recursive: true, force: true });
  }
  for (const file of ['etc/apt/sources.list', 'etc/resolv.conf', 'etc/hostname'])
    await rm(path.join(root, file), { force: true });
  const documents = path.join(root, 'usr/share/doc');
  for (const name of await readdir(documents)) {
    // Licences stay: the image may be carried to other hosts.
    for (const file of await readdir(path.join(documents, name)).catch(() => [])) {
      if (file !== 'copyright') await rm(path.join(documents, name, file), { recursive: true, force: true });
    }
  }
}

async function importTree(root, image, debs) {
  const tar = spawn('tar', ['-C', root, '--numeric-owner', '--sort=name', '-c', '.'], { stdio: ['ignore', 'pipe', 2] });
  const ended = waitFor(tar);
  const [repo, tag] = image.split(':');
  const query = { fromSrc: '-', repo, tag, changes: `LABEL ${DEBS_LABEL}="${debs.join(' ')}"` };
  await followProgress(await request('POST', '/images/create', { query, body: tar.stdout }));
  if ((await ended) !== 0) throw new Error(`tar could not read ${root}`);
}

async function buildOnPulled(image) {
  const from = `debian:${SUITE}-slim`;
  await pull(from);
  const bare = `${image}-bare`;
  await buildImage({
    tag: bare,
    dockerfile: path.join(imageFolder, 'Dockerfile.base'),
    args: { FROM: from, PACKAGES: PACKAGES.join(' ') },
    network: 'default',
  });
  const debs = await packagesInside(bare);
  await buildImage({
    tag: image,
    dockerfile: path.join(imageFolder, 'Dockerfile.base'),
    args: { FROM: bare, PACKAGES: PACKAGES.join(' ') },
    labels: { [DEBS_LABEL]: debs.join(' ') },
    network: 'default',
  });
  return { image, debs };
}

async function pull(image) {
  const [fromImage, tag = 'latest'] = image.split(/:(?=[^/]*$)/);
  await followProgress(await request('POST', '/images/create', { query: { fromImage, tag } }));
}

async function packagesInside(image) {
  const lines = [];
  const exitCode = await runInContainer(
    { Image: image, Cmd: ['dpkg-query', '-W'], HostConfig: { NetworkMode: 'none' } },
    { onStdout: (text) => lines.push(text) },
  );
  if (exitCode !== 0) throw new Error(`dpkg-query in ${image} ended with ${exitCode}`);
  return debsFrom(lines.join(''));
}

/** `dpkg-query -W` prints name, tab, version. */
function debsFrom(text) {
  return text
    .trim()
    .split('\n')
    .map((line) => line.replace('\t', '='))
    .sort();
}

// The wheels that go into an image, downloaded once for a list of pinned requirements.
//
// PRISM_WHEELS        a folder with the evaluator's wheels, used as it is: nothing is downloaded (CUDA builds, offline hosts)
// PRISM_TORCH_INDEX   the package index to take torch from
//
// Torch is the one that needs care: a general index serves its CUDA build, gigabytes that a CPU runner can't use. So it
// is taken from where pip is set up to find local files (find-links), or from PRISM_TORCH_INDEX, never by surprise.
import { mkdir, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { cachePath, readJson, sha256, sha256File, writeWhole } from '../../scripts/lib/cache.mjs';
import { aptInstall, mayInstall } from '../../scripts/lib/debian.mjs';
import { capture, run } from '../../scripts/lib/process.mjs';
import { NotReadyError, step } from '../../scripts/lib/steps.mjs';

const PYTHON_VERSION = '3.11';
const PLATFORMS = {
  amd64: ['manylinux_2_28_x86_64', 'manylinux_2_27_x86_64', 'manylinux_2_17_x86_64', 'manylinux2014_x86_64'],
  arm64: ['manylinux_2_28_aarch64', 'manylinux_2_27_aarch64', 'manylinux_2_17_aarch64', 'manylinux2014_aarch64'],
};

/** The wheels for a requirements file: `{folder, wheels: [{name, sha256, bytes}]}`, sorted by name. */
export async function ensureWheels(requirementsFile, architecture, { given } = {}) {
  if (given) return { folder: given, wheels: await describe(given) };
  const requirements = await readFile(requirementsFile, 'utf8');
  const key = sha256(JSON.stringify([requirements, PYTHON_VERSION, PLATFORMS[architecture]])).slice(0, 12);
  const folder = cachePath('wheels', key);
  const list = `${folder}.json`;
  const known = await readJson(list);
  if (known && (await isComplete(folder, known.wheels))) return { folder, wheels: known.wheels };
  await step(`downloading the wheels of ${path.basename(requirementsFile)}`, () =>
    download(parseRequirements(requirements), architecture, folder),
  );
  const wheels = await describe(folder);
  await writeWhole(list, `${JSON.stringify({ wheels }, null, 2)}\n`);
  return { folder, wheels };
}

/** The pinned `name==version` of each line that isn't a comment. */
export function parseRequirements(text) {
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line && !line.startsWith('#'));
}

async function download(requirements, architecture, folder) {
  await ensurePip();
  const partial = `${folder}.partial`;
  await rm(partial, { recursive: true, force: true });
  await mkdir(partial, { recursive: true });
  const platforms = PLATFORMS[architecture].flatMap((platform) => ['--platform', platform]);
  const pip = (wanted, source, log) =>
    run(
      'python3',
      [
        '-m',
        'pip',
        'download',
        '--no-deps',
        '--only-binary=:all:',
        '--python-version',
        PYTHON_VERSION,
        ...platforms,
        '--dest',
        partial,
        ...source,
        ...wanted,
      ],
      { log },
    );
  const torch = requirements.filter((each) => each.startsWith('torch=='));
  if (torch.length > 0) await downloadTorch(torch, pip);
  await pip(
    requirements.filter((each) => !torch.includes(each)),
    [],
    'pip-download',
  );
  await rm(folder, { recursive: true, force: true });
  await rename(partial, folder);
}

async function downloadTorch(torch, pip) {
  const index = process.env.PRISM_TORCH_INDEX;
  if (index) {
    await pip(torch, ['--index-url', index], 'pip-download-torch');
    return;
  }
  try {
    await pip(torch, ['--no-index'], 'pip-download-torch');
  } catch (error) {
    throw new NotReadyError(
      `pip finds no local wheel of ${torch[0]} (${error.message.split('\n').at(-2) ?? error.message}).`,
      'Set PRISM_TORCH_INDEX to the package index with the build you want (the PyTorch project documents one with CPU\nbuilds of 200 MB; a general index serves a CUDA build of several GB), or PRISM_WHEELS to a folder with all wheels.',
    );
  }
}

async function ensurePip() {
  const works = await capture('python3', ['-m', 'pip', '--version']).then(
    () => true,
    () => false,
  );
  if (works) return;
  if (!(await mayInstall()))
    throw new NotReadyError(
      'python3 with pip is needed to download wheels.',
      'Install it with your system’s package manager (Debian: apt-get install python3-pip).',
    );
  await aptInstall(['python3-pip']);
}

async function describe(folder) {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.whl')).sort();
  if (names.length === 0)
    throw new NotReadyError(
      `${folder} holds no wheels.`,
      'PRISM_WHEELS must be a folder with the .whl files of everything in gpu-runner/image/requirements.txt.',
    );
  const wheels = [];
  for (const name of names) {
    const file = path.join(folder, name);
    wheels.push({ name, sha256: await sha256File(file), bytes: (await stat(file)).size });
  }
  return wheels;
}

/** By size only: the digests were taken when the wheels came, and hashing 200 MB at every start helps nobody. */
async function isComplete(folder, wheels) {
  const sizes = await Promise.all(
    wheels.map(({ name }) =>
      stat(path.join(folder, name)).then(
        ({ size }) => size,
        () => null,
      ),
    ),
  );
  return wheels.every(({ bytes }, index) => bytes === sizes[index]);
}

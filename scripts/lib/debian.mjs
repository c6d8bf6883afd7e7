// Debian's package tools, for machines that have them and where we are root.
import { readFile } from 'node:fs/promises';
import { capture, run } from './process.mjs';
import { step } from './steps.mjs';

export async function isDebian() {
  const release = await readFile('/etc/os-release', 'utf8').catch(() => '');
  return /^ID(_LIKE)?=.*debian/m.test(release);
}

export function isRoot() {
  return process.getuid?.() === 0;
}

export async function mayInstall() {
  return isRoot() && (await isDebian());
}

/** Installs packages without their recommendations. */
export async function aptInstall(packages) {
  await step(`installing ${packages.join(', ')} with apt-get`, async () => {
    const env = { DEBIAN_FRONTEND: 'noninteractive' };
    await run('apt-get', ['update'], { log: 'apt-update', env });
    await run('apt-get', ['install', '-y', '--no-install-recommends', ...packages], { log: 'apt-install', env });
  });
}

/** The mirror that this machine's apt takes `suite` from (or, lacking it, any other suite of Debian's own archive). */
export async function debianMirror(suite) {
  const format = '$(ORIGIN)|$(LABEL)|$(RELEASE)|$(COMPONENT)|$(REPO_URI)';
  const list = async () =>
    (await capture('apt-get', ['indextargets', '--format', format, 'Created-By: Packages']))
      .split('\n')
      .map((line) => line.split('|'));
  const fromDebian = ([origin, label, , component]) =>
    origin === 'Debian' && label === 'Debian' && component === 'main';
  let targets = (await list()).filter(fromDebian);
  if (targets.length === 0) {
    // Origin and label are known only once the lists have been fetched.
    await run('apt-get', ['update'], { log: 'apt-update' });
    targets = (await list()).filter(fromDebian);
  }
  const target = targets.find(([, , release]) => release === suite) ?? targets[0];
  if (!target) throw new Error("apt-get knows no Debian archive (component 'main'): check its sources");
  return target[4];
}

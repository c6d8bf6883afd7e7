import { NotReadyError } from './steps.mjs';

const NEEDED = [20, 19];

export function isNodeNewEnough(version = process.versions.node) {
  const [major, minor] = version.split('.').map(Number);
  return major > NEEDED[0] || (major === NEEDED[0] && minor >= NEEDED[1]);
}

export function assertNodeVersion() {
  if (isNodeNewEnough()) return;
  throw new NotReadyError(
    `Node ${NEEDED.join('.')} or later is needed, and this is ${process.versions.node}.`,
    'Install a current Node (20, 22 or 24) and run this again with it.',
  );
}

import { attemptIdLabel, instanceLabel } from './attempt-names.ts';
import { attemptCgroup, removeCgroup } from './cgroup-watch.ts';
import type { ContainerEngine } from './container-engine.ts';

/**
 * Removes what earlier lives of this instance left in the engine: everything that carries its label and belongs to no
 * attempt with an active lease. Things without the label, or with another instance's, are nobody's business. Answers
 * the names of what it removed.
 */
export async function reconcile(
  engine: ContainerEngine,
  instance: string,
  activeAttemptIds: ReadonlySet<string>,
): Promise<readonly string[]> {
  const label = `${instanceLabel}=${instance}`;
  const isOrphan = ({ labels }: { readonly labels: Readonly<Record<string, string>> }) =>
    labels[instanceLabel] === instance && !activeAttemptIds.has(labels[attemptIdLabel] ?? '');
  const containers = (await engine.listContainers(label)).filter(isOrphan);
  for (const { name } of containers) await engine.removeContainer(name);
  // Asked for after the containers: a volume in use can't be removed.
  const volumes = (await engine.listVolumes(label)).filter(isOrphan);
  for (const { name } of volumes) await engine.removeVolume(name);
  for (const { labels } of [...containers, ...volumes]) {
    const attemptId = labels[attemptIdLabel];
    if (attemptId !== undefined) await removeCgroup(attemptCgroup(attemptId));
  }
  return [...containers, ...volumes].map(({ name }) => name);
}

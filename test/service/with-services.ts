import { deriveId } from '../../domain/ids.ts';
import type { PolicyDraft } from '../../domain/policy/policy.ts';
import { instanceLabel } from '../../executor/attempt-names.ts';
import type { ContainerEngine, Labelled } from '../../executor/container-engine.ts';
import { openStorage } from '../../storage/open-storage.ts';
import { describeWithEngine, type RealEngine } from '../executor/with-engine.ts';
import { executorName, type ServiceHome, serviceHome } from './service-process.ts';

export type Services = {
  /** A data folder of its own, removed after the suite. */
  home(policy?: PolicyDraft): Promise<ServiceHome>;
  engine(): ContainerEngine;
};

/** A suite with real services on the real engine. It fails where one of them leaves a container or a volume behind. */
export function describeServices(title: string, body: (services: Services) => void): void {
  describeWithEngine('a service on a real engine', (real: () => RealEngine) => {
    describe(title, () => {
      const homes: ServiceHome[] = [];
      after('services leave nothing behind', async function () {
        this.timeout(60_000);
        const left: string[] = [];
        for (const home of homes.splice(0)) left.push(...(await close(home, real().engine)));
        if (left.length > 0) throw new Error(`left behind: ${left.join(', ')}`);
      });
      body({
        async home(policy) {
          const home = await serviceHome(policy);
          homes.push(home);
          return home;
        },
        engine: () => real().engine,
      });
    });
  });
}

async function close(home: ServiceHome, engine: ContainerEngine): Promise<readonly string[]> {
  await home.stopAll();
  const { containers, volumes } = await inEngine(engine, home.dataDir);
  for (const { name } of containers) await engine.removeContainer(name);
  for (const { name } of volumes) await engine.removeVolume(name);
  await home.remove();
  return [...containers, ...volumes].map(({ name }) => name);
}

/** What the engine holds of the service whose log lies there. */
export async function inEngine(
  engine: ContainerEngine,
  dataDir: string,
  executor = executorName,
): Promise<{ readonly containers: readonly Labelled[]; readonly volumes: readonly Labelled[] }> {
  return ofInstance(engine, await instanceOf(dataDir, executor));
}

/** What the engine holds of one service, by the label on everything that it makes. */
export async function ofInstance(engine: ContainerEngine, instance: string) {
  const label = `${instanceLabel}=${instance}`;
  return { containers: await engine.listContainers(label), volumes: await engine.listVolumes(label) };
}

/** As `openCore` derives it; the kill suite shows that containers really carry it. */
async function instanceOf(dataDir: string, executor: string): Promise<string> {
  const storage = await openStorage({ dataDir, readOnly: true });
  try {
    const [first] = await storage.log.readAll(0, 1);
    return deriveId('instance', first?.envelope.id ?? '', executor);
  } finally {
    await storage.close();
  }
}

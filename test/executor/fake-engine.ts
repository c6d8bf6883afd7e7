import { Readable, type Writable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import type { ContainerCreateOptions } from 'dockerode';
import { tarOf } from '../../executor/attempt-archive.ts';
import type { ContainerEngine, ContainerStatus } from '../../executor/container-engine.ts';
import { EngineUnavailableError } from '../../executor/engine-errors.ts';

/** A container in the fake: its files in volumes, and what a test's program may do with it. */
export type FakeContainer = {
  readonly name: string;
  readonly role: string;
  print(text: string): void;
  /** What has been written to its input. */
  readonly input: () => string;
  /** Runs whenever something is written to its input. */
  onInput(heed: () => void): void;
  write(path: string, content: Uint8Array | string): void;
  exit(exitCode: number, oomKilled?: boolean): void;
  /** Resolves when the other container of the attempt has ended. */
  readonly status: () => ContainerStatus['status'];
};

type Kept = FakeContainer & {
  options: ContainerCreateOptions;
  state: ContainerStatus;
  files: Map<string, Uint8Array>;
  outputs: Writable[];
  waiters: Set<() => void>;
  take(chunk: string): void;
  heed: () => void;
};

/** What runs in a started container. */
export type Program = (self: FakeContainer, other: (role: string) => FakeContainer | undefined) => void;

/** A container engine in memory. It outlives executors, as the real one does; `break` makes it unreachable. */
export function fakeEngine(started: Readonly<Record<string, Program>>) {
  const programs = { ...started };
  const containers = new Map<string, Kept>();
  const volumes = new Map<string, Readonly<Record<string, string>>>();
  const calls: string[] = [];
  const inputs: Buffer[] = [];
  let isBroken = false;
  const breaks = new Set<(error: Error) => void>();

  function call(what: string): void {
    calls.push(what);
    if (isBroken) throw new EngineUnavailableError('the fake is broken');
  }
  const find = (role: string) => [...containers.values()].find((container) => container.role === role);

  function end(container: Kept, exitCode: number, oomKilled: boolean): void {
    if (container.state.status !== 'running') return;
    container.state = { ...container.state, status: 'exited', exitCode, oomKilled };
    for (const wake of container.waiters) wake();
    container.waiters.clear();
  }
  function exit(container: Kept, exitCode: number, oomKilled: boolean): void {
    const wasRunning = container.state.status === 'running';
    end(container, exitCode, oomKilled);
    if (wasRunning) onExit(container);
  }
  const exitListeners: ((name: string, role: string) => void)[] = [];
  const onExit = ({ name, role }: Kept) => {
    for (const listener of exitListeners) listener(name, role);
  };

  function create(options: ContainerCreateOptions): Kept {
    const name = options.name ?? '';
    const role = options.Labels?.['prism.role'] ?? '';
    let input = '';
    const container: Kept = {
      name,
      role,
      input: () => input,
      onInput: (heed) => {
        container.heed = heed;
      },
      take: (chunk) => {
        input += chunk;
        container.heed();
      },
      heed: () => {},
      options,
      files: new Map(),
      outputs: [],
      waiters: new Set(),
      state: {
        id: name,
        image: options.Image ?? '',
        status: 'created',
        exitCode: 0,
        oomKilled: false,
        startedAt: null,
        labels: options.Labels ?? {},
      },
      print: (text) => {
        for (const output of container.outputs) output.write(Buffer.from(text));
      },
      write: (path, content) => void container.files.set(path, Buffer.from(content)),
      exit: (exitCode, oomKilled = false) => exit(container, exitCode, oomKilled),
      status: () => container.state.status,
    };
    return container;
  }

  const engine: ContainerEngine = {
    async ensureVolume({ Name, Labels }) {
      call('ensureVolume');
      if (Name !== undefined) volumes.set(Name, Labels ?? {});
    },
    async ensureContainer(options) {
      call(`create ${options.Labels?.['prism.role']}`);
      const name = options.name ?? '';
      if (!containers.has(name)) containers.set(name, create(options));
    },
    async putArchive(name, _folder, tar) {
      call(`put ${containers.get(name)?.role}`);
      inputs.push(tar instanceof Uint8Array ? Buffer.from(tar) : await buffer(tar));
    },
    async readArchive(name, path) {
      call(`read ${path}`);
      const container = containers.get(name);
      if (container === undefined || path !== '/attempt/out') return null;
      const entries = [...container.files].map(([file, content]) => ({ name: `out/${file}`, content }));
      return Readable.from([Buffer.from(await tarOf(entries))]);
    },
    async pathExists() {
      call('pathExists');
      return true;
    },
    async attach(name, stdout) {
      call(`attach ${containers.get(name)?.role}`);
      const container = containers.get(name);
      container?.outputs.push(stdout);
      return { closed: new Promise(() => {}), detach: () => void container?.outputs.splice(0) };
    },
    async converse(name, stdout) {
      call(`converse ${containers.get(name)?.role}`);
      const container = containers.get(name);
      container?.outputs.push(stdout);
      const closed = new Promise<void>((resolve) => container?.waiters.add(resolve));
      return {
        closed,
        detach: () => void container?.outputs.splice(0),
        write: (chunk) => setImmediate(() => container?.take(chunk)),
      };
    },
    async start(name) {
      const container = containers.get(name);
      if (container === undefined) throw new Error(`no container ${name}`);
      call(`start ${container.role}`);
      container.state = { ...container.state, status: 'running', startedAt: new Date() };
      setImmediate(() => programs[container.role]?.(container, find));
    },
    async kill(name) {
      const container = containers.get(name);
      call(`kill ${container?.role}`);
      if (container !== undefined) exit(container, 137, false);
    },
    async inspect(name) {
      call('inspect');
      return containers.get(name)?.state ?? null;
    },
    async untilExited(name, signal) {
      call('wait');
      signal.throwIfAborted();
      const container = containers.get(name);
      if (container?.state.status === 'running') {
        await new Promise<void>((resolve, reject) => {
          container.waiters.add(resolve);
          signal.addEventListener('abort', () => reject(signal.reason));
          breaks.add(reject);
        });
      }
      return containers.get(name)?.state ?? null;
    },
    async removeContainer(name) {
      const container = containers.get(name);
      call(`remove ${container?.role}`);
      if (container !== undefined) end(container, 137, false);
      containers.delete(name);
    },
    async removeVolume(name) {
      call('removeVolume');
      volumes.delete(name);
    },
    async listContainers() {
      call('list');
      return [...containers.values()].map(({ name, options }) => ({ name, labels: options.Labels ?? {} }));
    },
    async listVolumes() {
      return [...volumes].map(([name, labels]) => ({ name, labels }));
    },
  };

  return {
    engine,
    calls,
    /** By role; a test may change one for the next start. */
    programs,
    /** The tars that were put into containers. */
    inputs,
    find,
    leftovers: () => [...containers.keys(), ...volumes.keys()],
    /** Runs when a container of that role has ended. */
    whenEnded(role: string, then: () => void) {
      exitListeners.push((_, ended) => {
        if (ended === role) setImmediate(then);
      });
    },
    break: () => {
      isBroken = true;
      for (const reject of breaks) reject(new EngineUnavailableError('the fake broke'));
      breaks.clear();
    },
    repair: () => {
      isBroken = false;
    },
  };
}

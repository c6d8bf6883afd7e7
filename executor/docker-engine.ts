import type { Duplex, Readable, Writable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import type Docker from 'dockerode';
import type { ContainerInspectInfo } from 'dockerode';
import type { Attachment, ContainerEngine, ContainerStatus } from './container-engine.ts';
import { EngineUnavailableError, statusOf, toEngineError } from './engine-errors.ts';

/** An engine that doesn't answer a plain question in this time is as good as gone. */
const answerLimitMs = 60_000;
/** An exported state is written in this time, or the engine is as good as gone, too. */
const archiveLimitMs = 600_000;

/**
 * How often an exit is asked for beside `wait`. NOTE: when the engine dies during a `wait`, docker-modem never settles
 * the promise (it listens for no `error` of a response that has begun); the question is what notices.
 */
const exitPollMs = 1_000;

/** The container engine on dockerode. */
export function dockerEngine(docker: Docker): ContainerEngine {
  const container = (name: string) => docker.getContainer(name);

  async function inspect(name: string): Promise<ContainerStatus | null> {
    const found = await ask(`inspect ${name}`, () => container(name).inspect(), [404]);
    return found === null || isBeingRemoved(found) ? null : toStatus(found);
  }

  return {
    inspect,
    async ensureVolume(options) {
      await ask(`create volume ${options.Name}`, () => docker.createVolume(options), []);
    },
    async ensureContainer(options) {
      // 409: it is there already, made by an earlier life of this service with the same options.
      await ask(`create ${options.name}`, () => docker.createContainer(options), [409]);
    },
    async putArchive(name, folder, tar) {
      await write(container(name), folder, tar);
    },
    async readArchive(name, path) {
      const stream = await ask(`read ${path} of ${name}`, () => container(name).getArchive({ path }), [404]);
      return stream === null ? null : (stream as Readable);
    },
    async pathExists(name, path) {
      const answer = await ask(`look at ${path} of ${name}`, () => container(name).infoArchive({ path }), [404]);
      (answer as Readable | null)?.resume(); // Its empty body would hold the connection open for minutes.
      return answer !== null;
    },
    async attach(name, stdout, stderr) {
      return follow(docker, await streamOf(container(name), {}), stdout, stderr);
    },
    async converse(name, stdout, stderr) {
      const stream = await streamOf(container(name), { hijack: true, stdin: true });
      return { ...follow(docker, stream, stdout, stderr), write: (chunk) => void stream.write(chunk) };
    },
    async start(name) {
      await ask(`start ${name}`, () => container(name).start(), [304]);
    },
    async kill(name) {
      // 409: not running. `kill` and not `stop`: a polite signal is one more chance to misbehave.
      await ask(`kill ${name}`, () => container(name).kill(), [404, 409]);
    },
    async untilExited(name, signal) {
      // `not-running` after the start answers at once for a container that has exited already, so nothing can slip
      // between, and a container adopted after a restart is waited for in the same way.
      const exited = container(name).wait({ condition: 'not-running', abortSignal: signal }).then(ignore, ignore);
      for (;;) {
        const status = await inspect(name);
        if (status === null || status.status === 'exited') return status;
        await Promise.race([exited, delay(exitPollMs, undefined, { signal })]);
        signal.throwIfAborted();
      }
    },
    async removeContainer(name) {
      // v: anonymous volumes go too. 409: a removal is under way.
      await ask(`remove ${name}`, () => container(name).remove({ force: true, v: true }), [404, 409]);
    },
    async removeVolume(name) {
      await ask(`remove volume ${name}`, () => docker.getVolume(name).remove(), [404]);
    },
    async listContainers(label) {
      const found = await ask(
        'list containers',
        () => docker.listContainers({ all: true, filters: { label: [label] } }),
        [],
      );
      return (found ?? []).map(({ Names, Id, Labels }) => ({ name: Names[0]?.slice(1) ?? Id, labels: Labels }));
    },
    async listVolumes(label) {
      const found = await ask('list volumes', () => docker.listVolumes({ filters: { label: [label] } }), []);
      return (found?.Volumes ?? []).map(({ Name, Labels }) => ({ name: Name, labels: Labels ?? {} }));
    },
  };
}

function ignore(): void {}

/** A stream is read to its end or destroyed; one that breaks off ends the request with its own error, which says nothing about the engine. */
async function write(container: Docker.Container, path: string, tar: Uint8Array | Readable): Promise<void> {
  const broken = new AbortController();
  if (!(tar instanceof Uint8Array)) tar.once('error', (error) => broken.abort(error));
  const content = tar instanceof Uint8Array ? Buffer.from(tar) : tar;
  const options = { path, abortSignal: broken.signal };
  try {
    await ask(`write into ${container.id}`, () => container.putArchive(content, options), [404], archiveLimitMs);
  } catch (error) {
    throw broken.signal.aborted ? broken.signal.reason : error;
  } finally {
    // An engine that says no reads no further: file and connection would stay open.
    if (!(tar instanceof Uint8Array)) tar.destroy();
    broken.abort();
  }
}

/** One question, with a limit. `expected` statuses are an answer too: null. */
async function ask<Answer>(
  what: string,
  question: () => Promise<Answer>,
  expected: readonly number[],
  limitMs = answerLimitMs,
): Promise<Answer | null> {
  const limit = new AbortController();
  const tooLate = delay(limitMs, undefined, { signal: limit.signal }).then(() => {
    throw new EngineUnavailableError(`The engine did not answer in ${limitMs} ms: ${what}`);
  });
  tooLate.catch(ignore);
  try {
    return await Promise.race([question(), tooLate]);
  } catch (error) {
    const status = statusOf(error);
    if (status !== null && expected.includes(status)) return null;
    throw toEngineError(what, error);
  } finally {
    limit.abort();
  }
}

async function streamOf(
  container: Docker.Container,
  more: Docker.ContainerAttachOptions,
): Promise<NodeJS.ReadWriteStream> {
  const what = `attach to ${container.id}`;
  const stream = await ask(what, () => container.attach({ stream: true, stdout: true, stderr: true, ...more }), []);
  if (stream === null) throw new EngineUnavailableError(`${what}: no stream`);
  return stream;
}

function follow(docker: Docker, stream: NodeJS.ReadWriteStream, stdout: Writable, stderr: Writable): Attachment {
  const duplex = stream as Duplex;
  docker.modem.demuxStream(duplex, stdout, stderr);
  const closed = new Promise<void>((resolve) => {
    for (const event of ['end', 'close', 'error']) duplex.once(event, () => resolve());
  });
  return { closed, detach: () => duplex.destroy() };
}

/** A forced removal marks the container first and kills it then: seen in between, it looks as if it had been killed. */
function isBeingRemoved({ State }: ContainerInspectInfo): boolean {
  return State.Status === 'removing' || State.Dead;
}

function toStatus({ Id, Image, State, Config }: ContainerInspectInfo): ContainerStatus {
  // Paused and restarting don't happen to containers of ours.
  const status = State.Status === 'created' ? 'created' : State.Running ? 'running' : 'exited';
  return {
    id: Id,
    image: Image,
    status,
    exitCode: State.ExitCode,
    oomKilled: State.OOMKilled,
    startedAt: status === 'created' ? null : new Date(State.StartedAt),
    labels: Config.Labels,
  };
}

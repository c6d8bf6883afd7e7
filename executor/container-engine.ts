import type { Readable, Writable } from 'node:stream';
import type { ContainerCreateOptions, VolumeCreateOptions } from 'dockerode';

export type ContainerStatus = {
  readonly id: string;
  readonly image: string;
  readonly status: 'created' | 'running' | 'exited';
  readonly exitCode: number;
  readonly oomKilled: boolean;
  /** Null before the start. */
  readonly startedAt: Date | null;
  readonly labels: Readonly<Record<string, string>>;
};

export type Attachment = { readonly closed: Promise<void>; detach(): void };
export type Conversation = Attachment & { write(chunk: string): void };

/**
 * What the executor asks of a container engine.
 *
 * - Idempotence: `ensure…`, `start`, `kill`, `remove…` do nothing where it is already so; every call may be repeated
 *   after a crash of either side.
 * - Order: output that is written after `attach` has resolved is delivered; what came before it is lost.
 * - Failure: `EngineUnavailableError` where the engine can't be reached (nothing is known), `EngineRefusedError` where
 *   it said no.
 */
export type ContainerEngine = {
  ensureVolume(options: VolumeCreateOptions): Promise<void>;
  ensureContainer(options: ContainerCreateOptions): Promise<void>;
  /**
   * Unpacks a tar into a folder of a writable volume; the container need not run. Nothing where there is no such
   * container. Rejects with the error of a stream that breaks off.
   */
  putArchive(name: string, folder: string, tar: Uint8Array | Readable): Promise<void>;
  /** A tar of a file or folder; null where it isn't there. */
  readArchive(name: string, path: string): Promise<Readable | null>;
  pathExists(name: string, path: string): Promise<boolean>;
  attach(name: string, stdout: Writable, stderr: Writable): Promise<Attachment>;
  /** `attach` with the container's input. */
  converse(name: string, stdout: Writable, stderr: Writable): Promise<Conversation>;
  start(name: string): Promise<void>;
  kill(name: string): Promise<void>;
  /** Null for no such container. */
  inspect(name: string): Promise<ContainerStatus | null>;
  /** Resolves once the container has exited (null: it is gone). Aborting the signal rejects. */
  untilExited(name: string, signal: AbortSignal): Promise<ContainerStatus | null>;
  removeContainer(name: string): Promise<void>;
  removeVolume(name: string): Promise<void>;
  /** Names of containers and volumes that carry the label. */
  listContainers(label: string): Promise<readonly Labelled[]>;
  listVolumes(label: string): Promise<readonly Labelled[]>;
};

export type Labelled = { readonly name: string; readonly labels: Readonly<Record<string, string>> };

/**
 * What a container may do, as data: a pure function per role, a reason beside every flag.
 *
 * Does not: set a seccomp profile. The engine's own default profile applies as long as none is named; it is maintained
 * with the kernel's new system calls, and a committed copy would freeze one engine version's idea of them.
 * `assertConfining` (engine-facts.ts) refuses an engine that runs without it.
 */
import type { ContainerCreateOptions, HostConfig } from 'dockerode';
import {
  type AttemptScope,
  attemptLabels,
  attemptNames,
  instanceLabel,
  roleLabel,
  type Seat,
  submissionLabel,
} from './attempt-names.ts';
import { gpuDevices, gpuEnvironment } from './gpu-request.ts';

const mebibyte = 2 ** 20;
const gibibyte = 2 ** 30;

/** What a referee may use beside its contestant; a slot plan counts it too. */
export const refereeMemoryBytes = 2 * gibibyte;
const inspectorMemoryBytes = 2.25 * gibibyte; // Of two children, each under a limit of 1 GiB, and their parent.
/** Interpreter and torch, and what is kept to report with. */
const runnerMemoryBytes = gibibyte;
/** Whoever builds a model has little to write. */
const instantiationArtifactsBytes = 64 * mebibyte;

export const refereeUser = '10001:10001';
export const contestantUser = '10002:10002';
const inspectorUser = contestantUser;

const python = ['python3', '-P', '-s', '-B'];
const torchrun = [
  '-m',
  'torch.distributed.run',
  '--standalone',
  '--local-addr=127.0.0.1',
  '--nnodes=1',
  '--nproc-per-node=1',
];

/** What runs in each container (PROTOCOL.md §1). Tests put programs of their own in its place. */
export type LaunchCommands = Readonly<Record<'referee' | 'heldOutReferee' | 'contestant', readonly string[]>>;
export const launchCommands: LaunchCommands = {
  referee: [...python, '-m', 'prism_runner', 'referee'],
  heldOutReferee: [...python, '-m', 'prism_runner', 'heldout'],
  contestant: [...python, ...torchrun, '-m', 'prism_runner', 'contestant'],
};
export const inspectorCommand: readonly string[] = [...python, '-m', 'prism_runner', 'inspector'];
export const instantiationCommand: readonly string[] = [...python, '-m', 'prism_runner', 'instantiation'];
export const gpuLookCommand: readonly string[] = [...python, '-m', 'prism_runner', 'device'];

/** What both containers of an attempt are made from. */
export type PairPlan = {
  readonly scope: AttemptScope;
  readonly imageId: string;
  readonly commands: LaunchCommands;
  /** Where the contestants of a held-out attempt sit down, one after the other; null in any other attempt, which has one. */
  readonly heldOutSeats: readonly Seat[] | null;
  readonly deadlineAt: string;
  /** CPU set shared by both: they take turns. */
  readonly cpuset: string;
  readonly threads: number;
  readonly memoryBytes: number;
  readonly pids: number;
  readonly artifactsBytes: number;
  readonly device: string;
  readonly deviceClass: 'cpu' | 'gpu';
  /** Folders on the engine's host. `dataDir` is one split: nobody holds two. */
  readonly dataDir: string;
  readonly tokenizersDir: string;
  /** OCI runtime where it isn't the engine's default (`runsc`). */
  readonly runtime: string | null;
  /** Cgroup that outlives the containers, null where the engine is elsewhere or systemd manages cgroups. */
  readonly cgroupParent: string | null;
};

type Limits = { memoryBytes: number; pids: number; openFiles: number; fileBytes: number };

/** What every container of ours shares: no network, no privileges, nothing writable, nothing unbounded. */
export function confinement(limits: Limits, runtime: string | null): HostConfig & { CgroupnsMode: 'private' } {
  return {
    NetworkMode: 'none', // One socket in a volume is the only way in or out.
    ReadonlyRootfs: true, // Nothing written survives, and nothing of the image can be replaced.
    Privileged: false,
    CapDrop: ['ALL'], // Not even root's leftovers: no chown, no ptrace of others, no raw sockets.
    SecurityOpt: ['no-new-privileges'], // A set-uid file in the image gains nothing. seccomp: see above.
    Memory: limits.memoryBytes,
    MemorySwap: limits.memoryBytes, // Equal to Memory: no swap, so that speed doesn't depend on the host's disk.
    PidsLimit: limits.pids, // A fork bomb ends here; `nproc` would count a uid across all containers.
    CgroupnsMode: 'private', // The host's cgroup tree, and with it other attempts' ids, stays unseen.
    Init: true, // Reaps orphans and turns a child's signal into an exit code.
    LogConfig: { Type: 'none', Config: {} }, // A flood on stdout would fill the host's disk; we keep the end.
    RestartPolicy: { Name: 'no' }, // A second life would be an attempt that nobody asked for.
    AutoRemove: false, // The exit and the outputs are read from the stopped container.
    Ulimits: [
      { Name: 'nofile', Soft: limits.openFiles, Hard: limits.openFiles },
      { Name: 'core', Soft: 0, Hard: 0 }, // A core file would hold stream text.
      { Name: 'fsize', Soft: limits.fileBytes, Hard: limits.fileBytes },
    ],
    ...(runtime === null ? {} : { Runtime: runtime }),
  };
}

/** A folder in memory: capped, no programs, no set-uid, no devices, owned by the container's user. */
function tmpfs(bytes: number, uid: number): string {
  return `rw,noexec,nosuid,nodev,size=${bytes},mode=0700,uid=${uid},gid=${uid}`;
}

/** `prism-` volumes; `NoCopy` so that nothing of the image is copied into them. */
function volume(name: string, target: string, readOnly: boolean) {
  return {
    Type: 'volume' as const,
    Source: name,
    Target: target,
    ReadOnly: readOnly,
    VolumeOptions: { NoCopy: true, Labels: {}, DriverConfig: { Name: 'local', Options: {} } },
  };
}

/** Created by nobody: a missing folder is an error, not an empty one made by the engine. */
function readOnlyFolder(source: string, target: string) {
  return { Type: 'bind' as const, Source: source, Target: target, ReadOnly: true };
}

function slotShare(plan: PairPlan): HostConfig {
  return {
    CpusetCpus: plan.cpuset, // A core belongs to one slot. No CFS quota on top: it only adds stalls.
    ...(plan.cgroupParent === null ? {} : { CgroupParent: plan.cgroupParent }), // Where oom and pids events are read.
  };
}

/** As the launcher sets it for the one process of a run. */
const onlyRank = ['RANK=0', 'LOCAL_RANK=0', 'WORLD_SIZE=1', 'MASTER_ADDR=127.0.0.1', 'MASTER_PORT=29500'];

/** The image sets the deterministic environment; what depends on the slot comes here. */
function threadEnvironment(threads: number): string[] {
  return [`OMP_NUM_THREADS=${threads}`, `MKL_NUM_THREADS=${threads}`];
}

export function refereeOptions(plan: PairPlan): ContainerCreateOptions {
  const names = attemptNames(plan.scope);
  return {
    name: names.referee,
    Image: plan.imageId,
    User: refereeUser, // Not the contestant's: neither could touch the other's files even if they met.
    Cmd: [...(plan.heldOutSeats === null ? plan.commands.referee : plan.commands.heldOutReferee)],
    Env: threadEnvironment(plan.threads),
    Labels: attemptLabels(plan.scope, 'referee', plan.deadlineAt),
    HostConfig: {
      ...confinement(
        { memoryBytes: refereeMemoryBytes, pids: 128, openFiles: 1_024, fileBytes: 4 * gibibyte },
        plan.runtime,
      ),
      ...slotShare(plan),
      IpcMode: 'none', // Logits travel through a sealed memfd: no /dev/shm, no System V segments.
      Tmpfs: { '/tmp': tmpfs(16 * mebibyte, 10_001) },
      Mounts: [
        volume(names.attemptVolume, '/attempt', false),
        ...channelMounts(plan),
        readOnlyFolder(plan.dataDir, '/data'),
        readOnlyFolder(plan.tokenizersDir, '/tokenizers'),
      ],
    },
  };
}

/** A contestant that has left may still wait for the next one's place: each has a channel that no other one sees. */
function channelMounts({ scope, heldOutSeats }: PairPlan) {
  if (heldOutSeats === null) return [volume(attemptNames(scope).channelVolume, '/channel', false)];
  return heldOutSeats.map((seat) => volume(attemptNames(scope, seat).channelVolume, `/channel/${seat}`, false));
}

export function contestantOptions(plan: PairPlan, seat: Seat = 0): ContainerCreateOptions {
  const names = attemptNames(plan.scope, seat);
  const limits = { memoryBytes: plan.memoryBytes, pids: plan.pids, openFiles: 1_024, fileBytes: plan.artifactsBytes };
  return {
    name: names.contestant,
    Image: plan.imageId,
    User: contestantUser,
    Cmd: [...plan.commands.contestant],
    Env: [...threadEnvironment(plan.threads), 'MASTER_ADDR=127.0.0.1', ...gpuEnvironment(plan)],
    Labels: attemptLabels(plan.scope, seat === 0 ? 'contestant' : `contestant-${seat}`, plan.deadlineAt),
    HostConfig: {
      ...confinement(limits, plan.runtime),
      ...slotShare(plan),
      ...contestantFolders(plan.artifactsBytes),
      Mounts: [volume(names.channelVolume, '/channel', true)], // Nothing of ours is writable.
      ...gpuDevices(plan), // The referee has none: what it computes must not depend on a device that others share.
    },
  };
}

/** What submitted code finds to write in. */
export function contestantFolders(artifactsBytes: number): HostConfig {
  return {
    IpcMode: 'private', // torch and multiprocessing want a /dev/shm: one of their own,
    ShmSize: 64 * mebibyte, // small, and counted as memory like every tmpfs.
    Tmpfs: {
      '/work': tmpfs(16 * mebibyte, 10_002), // The bundle as the adapter lays it out.
      '/artifacts': tmpfs(artifactsBytes, 10_002), // `ctx.artifacts_dir`; gone with the container.
      '/tmp': tmpfs(64 * mebibyte, 10_002),
    },
  };
}

/** What a container may use that builds a model for which there are `memoryBytes`; it comes beside the slots. */
export function instantiationLimitBytes(memoryBytes: number): number {
  return memoryBytes + runnerMemoryBytes;
}

/** A contestant that is asked once, by nobody but us: it has no referee, no channel, no slot and no device. */
export function instantiationOptions(plan: {
  readonly name: string;
  readonly instance: string;
  readonly submissionId: string;
  readonly imageId: string;
  readonly command: readonly string[];
  readonly runtime: string | null;
  /** What a model may need; the runner's own need comes on top. */
  readonly memoryBytes: number;
  readonly pids: number;
  /** Where its peak is read, null where the engine is elsewhere or systemd manages cgroups. */
  readonly cgroupParent: string | null;
}): ContainerCreateOptions {
  const memoryBytes = instantiationLimitBytes(plan.memoryBytes);
  const limits = { memoryBytes, pids: plan.pids, openFiles: 1_024, fileBytes: instantiationArtifactsBytes };
  return {
    name: plan.name,
    Image: plan.imageId,
    User: contestantUser,
    Cmd: [...plan.command],
    Env: [...threadEnvironment(1), ...onlyRank],
    Labels: {
      [instanceLabel]: plan.instance,
      [roleLabel]: 'instantiation',
      [submissionLabel]: plan.submissionId,
    },
    OpenStdin: true,
    StdinOnce: true, // When we die, its input ends; what it does then, `reconcile` ends.
    AttachStdin: true,
    HostConfig: {
      ...confinement(limits, plan.runtime),
      ...contestantFolders(instantiationArtifactsBytes),
      NanoCpus: 1_000_000_000, // It has no slot; one core's worth leaves the slots theirs.
      ...(plan.cgroupParent === null ? {} : { CgroupParent: plan.cgroupParent }), // Its peak outlives it there.
      OomScoreAdj: 500, // Should the host itself run out of memory, this goes before a run does.
    },
  };
}

/** The parser of submitted source: it executes none of it, but it reads hostile bytes all the same. */
export function inspectorOptions(plan: {
  readonly name: string;
  readonly instance: string;
  readonly imageId: string;
  readonly command: readonly string[];
  readonly runtime: string | null;
}): ContainerCreateOptions {
  return {
    name: plan.name,
    Image: plan.imageId,
    User: inspectorUser,
    Cmd: [...plan.command],
    Labels: { [instanceLabel]: plan.instance, [roleLabel]: 'inspector' },
    OpenStdin: true,
    StdinOnce: true, // When we die, its input ends, and so does it.
    AttachStdin: true,
    HostConfig: {
      ...confinement({ memoryBytes: inspectorMemoryBytes, pids: 32, openFiles: 256, fileBytes: 0 }, plan.runtime),
      NanoCpus: 1_000_000_000, // It has no slot; one core's worth leaves the slots theirs.
      IpcMode: 'none',
    },
  };
}

/**
 * The volumes of an attempt. A channel is a capped tmpfs that holds one socket; the other one must outlive its
 * container.
 */
export function attemptVolumes({
  scope,
  deadlineAt,
  heldOutSeats,
}: Pick<PairPlan, 'scope' | 'deadlineAt' | 'heldOutSeats'>) {
  const channel = 'size=1m,mode=0755,uid=10001,gid=10001,noexec,nosuid,nodev';
  return [
    {
      Name: attemptNames(scope).attemptVolume,
      Driver: 'local',
      Labels: attemptLabels(scope, 'attemptVolume', deadlineAt),
      DriverOpts: {},
    },
    ...(heldOutSeats ?? [0]).map((seat: Seat) => ({
      Name: attemptNames(scope, seat).channelVolume,
      Driver: 'local',
      Labels: attemptLabels(scope, 'channelVolume', deadlineAt),
      DriverOpts: { type: 'tmpfs', device: 'tmpfs', o: channel },
    })),
  ];
}

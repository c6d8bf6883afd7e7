import { expect } from 'chai';
import type { HostConfig } from 'dockerode';
import { attemptLabels, attemptNames, seats } from '../../executor/attempt-names.ts';
import {
  attemptVolumes,
  contestantOptions,
  inspectorCommand,
  inspectorOptions,
  instantiationCommand,
  instantiationOptions,
  launchCommands,
  type PairPlan,
  refereeOptions,
} from '../../executor/container-options.ts';
import { gpuLookOptions } from '../../executor/gpu-look.ts';

const scope = {
  instance: 'test',
  slot: 'slot-host-cpu0',
  key: { submissionId: 's', run: 'score', attempt: 2, fencingToken: 7 },
};
const plan: PairPlan = {
  ...{
    scope,
    imageId: 'sha256:image',
    commands: launchCommands,
    deadlineAt: '2030-01-01T00:00:00.000Z',
    cpuset: '1',
    threads: 1,
  },
  ...{ memoryBytes: 2 ** 30, pids: 512, artifactsBytes: 2 ** 20, device: 'cpu0', deviceClass: 'cpu' },
  ...{
    heldOutSeats: null,
    dataDir: '/srv/train',
    tokenizersDir: '/srv/tokenizers',
    runtime: null,
    cgroupParent: '/prism/x',
  },
};
const gpuPlan: PairPlan = { ...plan, device: 'gpu3', deviceClass: 'gpu' };
const inspector = { name: 'i', instance: 'test', imageId: 'sha256:image', command: inspectorCommand, runtime: null };
const instantiation = {
  ...{ name: 'p', instance: 'test', submissionId: 's', imageId: 'sha256:image', command: instantiationCommand },
  ...{ runtime: null, memoryBytes: 2 ** 30, pids: 64, cgroupParent: '/prism/p' },
};

const roles: readonly (readonly [string, HostConfig])[] = [
  ['referee', refereeOptions(plan).HostConfig ?? {}],
  ['contestant', contestantOptions(plan).HostConfig ?? {}],
  ['inspector', inspectorOptions(inspector).HostConfig ?? {}],
  ['instantiation', instantiationOptions(instantiation).HostConfig ?? {}],
];

describe('container options', () => {
  for (const [role, host] of roles) {
    it(`confine the ${role}`, () => {
      expect(host).to.include({
        NetworkMode: 'none',
        ReadonlyRootfs: true,
        Privileged: false,
        CgroupnsMode: 'private',
        Init: true,
        AutoRemove: false,
      });
      expect(host).to.deep.include({
        CapDrop: ['ALL'],
        SecurityOpt: ['no-new-privileges'],
        LogConfig: { Type: 'none', Config: {} },
        RestartPolicy: { Name: 'no' },
      });
      expect(host.Memory).to.be.greaterThan(0).and.equal(host.MemorySwap);
      expect(host.PidsLimit).to.be.greaterThan(0);
      expect(host.Ulimits?.map(({ Name }) => Name)).to.have.members(['nofile', 'core', 'fsize']);
      expect(host.Binds).to.equal(undefined);
      for (const options of Object.values(host.Tmpfs ?? {})) expect(options).to.match(/noexec,nosuid,nodev,size=\d+/);
    });
  }

  it('run every role as a user of its own kind, never as root', () => {
    expect([refereeOptions(plan).User, contestantOptions(plan).User, inspectorOptions(inspector).User]).to.deep.equal([
      '10001:10001',
      '10002:10002',
      '10002:10002',
    ]);
  });

  it('give the contestant the channel to read, and nothing else of ours', () => {
    const names = attemptNames(scope);
    const mounts = contestantOptions(plan).HostConfig?.Mounts?.map(({ Source, Target, ReadOnly }) => ({
      Source,
      Target,
      ReadOnly,
    }));
    expect(mounts).to.deep.equal([{ Source: names.channelVolume, Target: '/channel', ReadOnly: true }]);
    expect(Object.keys(contestantOptions(plan).HostConfig?.Tmpfs ?? {})).to.deep.equal(['/work', '/artifacts', '/tmp']);
  });

  it('give a model that is only looked at a contestant’s user and folders, no mount, no core and no device of its own', () => {
    const { User, HostConfig, Labels } = instantiationOptions(instantiation);
    expect(User).to.equal(contestantOptions(plan).User);
    expect(Object.keys(HostConfig?.Tmpfs ?? {})).to.deep.equal(['/work', '/artifacts', '/tmp']);
    expect(HostConfig).not.to.have.any.keys('Mounts', 'Binds', 'CpusetCpus', 'DeviceRequests');
    expect(HostConfig?.CgroupParent).to.equal('/prism/p');
    expect(HostConfig?.NanoCpus).to.equal(1e9);
    expect(HostConfig?.Memory).to.be.greaterThan(instantiation.memoryBytes);
    expect(Labels).to.include({ 'prism.instance': 'test', 'prism.submission': 's' });
  });

  it('give the referee its volumes to write, and data and tokenizers to read', () => {
    const mounts = refereeOptions(plan).HostConfig?.Mounts?.map(
      ({ Target, ReadOnly }) => `${Target} ${ReadOnly ? 'ro' : 'rw'}`,
    );
    expect(mounts).to.deep.equal(['/attempt rw', '/channel rw', '/data ro', '/tokenizers ro']);
  });

  it('give each contestant of a held-out attempt a channel that no other one sees', () => {
    const seated = { ...plan, heldOutSeats: seats, dataDir: '/srv/val' };
    const channels = seats.map((seat) => attemptNames(scope, seat).channelVolume);
    expect(new Set(channels).size).to.equal(3);
    const referee = refereeOptions(seated);
    const mounts = (referee.HostConfig?.Mounts ?? []).map(({ Source, Target }) => [Source, Target]);
    expect(mounts.slice(1, 4)).to.deep.equal(channels.map((volume, seat) => [volume, `/channel/${seat}`]));
    expect(mounts).to.deep.include(['/srv/val', '/data']).and.to.have.length(6);
    expect(referee.Cmd?.join(' ')).to.equal('python3 -P -s -B -m prism_runner heldout');
    for (const seat of seats) {
      const options = contestantOptions(seated, seat);
      expect(options.name).to.equal(attemptNames(scope, seat).contestant);
      const own = options.HostConfig?.Mounts?.map(({ Source, Target, ReadOnly }) => [Source, Target, ReadOnly]);
      expect(own).to.deep.equal([[channels[seat], '/channel', true]]);
      expect(options.Cmd).to.deep.equal(contestantOptions(plan).Cmd);
    }
    expect(attemptVolumes(seated).map(({ Name }) => Name))
      .to.include.members(channels)
      .and.to.have.length(4);
  });

  it('launch exactly what the contract says', () => {
    expect(contestantOptions(plan).Cmd?.join(' ')).to.equal(
      'python3 -P -s -B -m torch.distributed.run --standalone --local-addr=127.0.0.1 --nnodes=1 --nproc-per-node=1 -m prism_runner contestant',
    );
    expect(refereeOptions(plan).Cmd?.join(' ')).to.equal('python3 -P -s -B -m prism_runner referee');
  });

  it('ask for one GPU by its number, a runtime and a cgroup only where the plan has them', () => {
    const gpu = contestantOptions({ ...gpuPlan, runtime: 'runsc', cgroupParent: null }).HostConfig;
    expect(gpu?.DeviceRequests).to.deep.equal([
      { Driver: 'nvidia', Count: 0, DeviceIDs: ['3'], Capabilities: [['gpu']], Options: {} },
    ]);
    expect(gpu?.Runtime).to.equal('runsc');
    expect(gpu).not.to.have.property('CgroupParent');
    expect(contestantOptions(plan).HostConfig).not.to.have.any.keys('DeviceRequests', 'Runtime');
  });

  it('change nothing of a contestant’s confinement where it has a GPU, and give neither referee nor inspector one', () => {
    const { DeviceRequests, ...confined } = contestantOptions(gpuPlan).HostConfig ?? {};
    expect(DeviceRequests).to.have.length(1);
    expect(confined).to.deep.equal(contestantOptions(plan).HostConfig);
    const [onGpu, onCpu] = [contestantOptions(gpuPlan), contestantOptions(plan)].map(({ Env }) => Env ?? []);
    expect(onGpu?.filter((line) => !onCpu?.includes(line))).to.deep.equal([
      'NVIDIA_DRIVER_CAPABILITIES=compute,utility',
      'CUDA_CACHE_DISABLE=1',
      'NCCL_SOCKET_IFNAME=lo',
    ]);
    expect(refereeOptions(gpuPlan)).to.deep.equal(refereeOptions(plan));
    for (const { HostConfig } of [inspectorOptions(inspector), instantiationOptions(instantiation)])
      expect(HostConfig).not.to.have.property('DeviceRequests');
  });

  it('give every contestant of a held-out attempt the same GPU', () => {
    const requests = seats.map(
      (seat) => contestantOptions({ ...gpuPlan, heldOutSeats: seats }, seat).HostConfig?.DeviceRequests,
    );
    expect(requests.map((request) => request?.[0]?.DeviceIDs)).to.deep.equal([['3'], ['3'], ['3']]);
  });

  it('look at a GPU as a contestant finds it, with nothing mounted', () => {
    const slot = { device: 'gpu3', deviceClass: 'gpu', cpuset: '1', memoryBytes: plan.memoryBytes } as const;
    const look = gpuLookOptions('l', slot, { imageId: plan.imageId, instance: 'test', runtime: null });
    const contestant = contestantOptions({ ...gpuPlan, artifactsBytes: 64 * 2 ** 20, cgroupParent: null });
    const { Mounts, ...without } = contestant.HostConfig ?? {};
    expect(Mounts).to.have.length(1);
    expect(look.HostConfig).to.deep.equal(without);
    expect([look.User, look.Image]).to.deep.equal([contestant.User, contestant.Image]);
    expect(look.Cmd?.join(' ')).to.equal('python3 -P -s -B -m prism_runner device');
    expect(look.Labels).to.deep.equal({ 'prism.instance': 'test', 'prism.role': 'device' });
  });

  it('cap the channel, and label everything so that it can be found again', () => {
    const [attempt, channel] = attemptVolumes(plan);
    expect(channel?.DriverOpts).to.deep.include({ type: 'tmpfs' }).and.have.property('o').that.includes('size=1m');
    for (const labels of [
      attempt?.Labels,
      channel?.Labels,
      refereeOptions(plan).Labels,
      contestantOptions(plan).Labels,
    ]) {
      expect(labels).to.include({
        'prism.instance': 'test',
        'prism.submission': 's',
        'prism.attempt': '2',
        'prism.token': '7',
        'prism.deadline': plan.deadlineAt,
      });
    }
    expect(attemptLabels(scope, 'referee', plan.deadlineAt)).to.include({ 'prism.role': 'referee' });
  });

  it('name an attempt the same after a restart, and every other attempt differently', () => {
    const other = (change: Partial<typeof scope.key>) =>
      attemptNames({ ...scope, key: { ...scope.key, ...change } }).id;
    const ids = [
      attemptNames(scope).id,
      other({ attempt: 3 }),
      other({ fencingToken: 8 }),
      other({ run: 'rerun' }),
      attemptNames({ ...scope, slot: 'slot-host-cpu1' }).id,
      attemptNames({ ...scope, instance: 'other' }).id,
    ];
    expect(new Set(ids).size).to.equal(ids.length);
    expect(attemptNames(structuredClone(scope))).to.deep.equal(attemptNames(scope));
  });
});

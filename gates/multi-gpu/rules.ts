/** Changes whenever the distributed gate may judge a bundle differently; recorded with every verdict. */
export const distributedGateVersion = 'distributed/3';

/** More than this many processes, or several nodes, is refused whatever the policy flags (CONTRACT §2). */
export const mostProcesses = 8;

/** What the training role must show (CONTRACT §3), by any of these names or by an attribute of whatever object. */
export const primitives = [
  {
    rule: 'prism:distributed-init',
    wants: 'start a process group where there are several processes: `torch.distributed.init_process_group`',
    names: ['torch.distributed.init_process_group'],
    attributes: [],
  },
  {
    rule: 'prism:distributed-device',
    wants: 'bind each process to its device: `torch.cuda.set_device(ctx.local_rank)`',
    names: ['torch.cuda.set_device', 'torch.cuda.device', 'torch.accelerator.set_device_index'],
    attributes: ['local_rank'],
  },
  {
    rule: 'prism:distributed-wrap',
    wants: 'wrap the model: `DistributedDataParallel`, `FullyShardedDataParallel` or `fully_shard`',
    names: [
      'torch.nn.parallel.DistributedDataParallel',
      'torch.nn.parallel.distributed.DistributedDataParallel',
      'torch.distributed.fsdp',
      'torch.distributed._composable.fsdp',
    ],
    attributes: [],
  },
  {
    rule: 'prism:distributed-sharding',
    wants: 'give each process its share of the data: `ctx.iter_train_batches` does',
    names: ['torch.utils.data.DistributedSampler', 'torch.utils.data.distributed.DistributedSampler'],
    attributes: ['iter_train_batches'],
  },
  {
    rule: 'prism:distributed-destroy',
    wants: 'take the process group down at the end: `torch.distributed.destroy_process_group`',
    names: ['torch.distributed.destroy_process_group'],
    attributes: [],
  },
] as const;

/** Calls that write, and so must stand under a condition that asks for the rank, or in a function that is only called under one. */
export const writes = ['torch.save', 'numpy.save', 'numpy.savez', 'numpy.savez_compressed', 'numpy.savetxt'];
export const asksForRank = /rank|is_main|is_master|main_process/i;

export const guardRule = 'prism:distributed-rank-guard';
export const boundRule = 'prism:distributed-bound';

/** A bundle of the repository that passes. */
export const workingExample = 'examples/gpt2-v2/training.py';

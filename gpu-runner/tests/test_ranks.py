"""Several processes of one contestant, for real: torchrun, gloo on loopback, one referee."""

import pytest
from safetensors.torch import load_file

from attempts import GRU, run_attempt, under_torchrun
from test_attempts import check_sums

# A buffer that DistributedDataParallel synchronises in every forward, and no dropout: processes draw their own masks.
MODEL = GRU.replace("nn.Dropout(0.1)", "nn.Dropout(0)").replace(
    "        self.head =", '        self.register_buffer("scale", torch.ones(1))\n        self.head ='
)

TRAIN = """
import torch
import torch.distributed as dist
from torch.nn.functional import cross_entropy
from torch.nn.parallel import DistributedDataParallel

def train(ctx):
    dist.init_process_group(ctx.distributed_backend)
    assert (dist.get_world_size(), dist.get_rank()) == (ctx.world_size, ctx.rank) == (ctx.world_size, ctx.local_rank)
    model = DistributedDataParallel(ctx.build_model())
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    for batch in ctx.iter_train_batches(model, batch_size=4, seq_len=64):
        logits = model(batch.tokens)
        loss = cross_entropy(logits[:, :-1].flatten(0, 1), batch.tokens[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    if len(batch.tokens) * ctx.world_size != 4:
        raise ValueError("the rows aren't shared")
    parameters = torch.cat([parameter.detach().flatten() for parameter in model.parameters()])
    everyone = [torch.empty_like(parameters) for _ in range(ctx.world_size)]
    dist.all_gather(everyone, parameters)
    if not all(torch.equal(parameters, other) for other in everyone):
        raise ValueError("parameters differ between processes")
    dist.destroy_process_group()
"""


@pytest.fixture(scope="module")
def alone() -> list[float]:
    """The curve of one process."""
    curve: list[float] = run_attempt(MODEL, TRAIN, command=under_torchrun(1)).manifest["metrics"]["online_loss"]
    return curve


@pytest.mark.parametrize("processes", [2, 4])
def test_processes_learn_together_what_one_learns_alone(processes: int, alone: list[float]) -> None:
    result = run_attempt(MODEL, TRAIN, command=under_torchrun(processes), worldSize=processes, exportState=True)
    check_sums(result)
    curve = result.manifest["metrics"]["online_loss"]
    assert curve[-1] < 0.5 * curve[0]
    assert curve == pytest.approx(alone, rel=1e-3)  # each one's gradient is of its rows, and they are averaged
    assert result.state is not None
    assert set(load_file(result.state)) >= {"embed.weight", "scale"}


def test_a_batch_that_processes_cannot_share_is_a_contract_failure() -> None:
    loop = TRAIN.replace("batch_size=4", "batch_size=3")
    outcome = run_attempt(MODEL, loop, command=under_torchrun(2), worldSize=2).outcome
    assert (outcome["kind"], outcome["verdict"]) == ("failed", "contract")
    assert "batch_size is 3" in outcome["message"]


def test_a_process_that_fails_takes_the_others_with_it() -> None:
    fails = "    if ctx.rank == 1:\n        raise ValueError('one of two')\n"
    loop = TRAIN.replace("    for batch", fails + "    for batch")
    result = run_attempt(MODEL, loop, command=under_torchrun(2), worldSize=2)
    assert result.outcome["kind"] in ("failed", "lost")  # rank 0 may notice before the launcher does
    assert "one of two" in result.contestant_log

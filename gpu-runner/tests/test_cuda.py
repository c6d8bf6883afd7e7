"""On a machine with a GPU and torch's CUDA build alone; skipped elsewhere. docs/gpu.md says how it is run."""

import json
import os
import subprocess

import pytest

from attempts import CONTESTANT, ENVIRONMENT, GRU, PYTHON, TRAIN, run_attempt
from heldout_attempts import run_held_out

os.environ["PYTORCH_NVML_BASED_CUDA_CHECK"] = "1"  # else asking for a GPU would open it, and forks couldn't use it

import torch

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")

ON_CUDA = {"device": "cuda", "backend": "nccl"}
LOOP = TRAIN.replace("    model =", "    assert ctx.device == 'cuda:0'\n    model =").replace(
    "    for batch", "    assert all(value.is_cuda for value in model.parameters())\n    for batch"
)


def test_the_look_says_what_the_gpu_is() -> None:
    said = subprocess.run([*PYTHON, "-m", "prism_runner", "device"], env=ENVIRONMENT, capture_output=True, check=True)
    gpu = json.loads(said.stdout)["gpu"]
    assert gpu.keys() == {"name", "capability", "driver", "cuda", "cudnn"}
    assert all(gpu.values())


def test_a_run_learns_there_and_a_second_one_has_the_same_record() -> None:
    first, second = (run_attempt(GRU, LOOP, command=CONTESTANT, exportState=True, **ON_CUDA) for _ in range(2))
    assert first.outcome == {"kind": "completed"}, (first.outcome, first.contestant_log)
    curve = first.manifest["metrics"]["online_loss"]
    assert curve[-1] < 0.7 * curve[0]
    assert first.record_bytes == second.record_bytes
    assert first.manifest["stateDigest"] == second.manifest["stateDigest"]
    assert first.manifest["anti_cheat"]["causality"]["exceeding"] == 0
    assert first.manifest["compute"]["peak_vram_bytes"] > 0
    assert first.manifest["provenance"]["platform"]["gpu"]["name"]


def test_a_loop_that_trains_on_the_scored_forward_runs_there() -> None:
    loop = LOOP.replace("seq_len=64", "seq_len=64, reuse_forward=True").replace("model(batch.tokens)", "batch.logits")
    result = run_attempt(GRU, loop, command=CONTESTANT, **ON_CUDA)
    assert result.outcome == {"kind": "completed"}, (result.outcome, result.contestant_log)


def test_the_two_seed_audit_builds_beside_an_open_device() -> None:
    audited = run_attempt(GRU, LOOP, command=CONTESTANT, seedAudit=True, **ON_CUDA).manifest["anti_cheat"]["seed_audit"]
    assert audited["elements"] > 0


def test_a_state_is_measured_there() -> None:
    trained = run_attempt(GRU, LOOP, command=CONTESTANT, exportState=True, **ON_CUDA)
    assert trained.state is not None, (trained.outcome, trained.contestant_log)
    result = run_held_out(trained.state, GRU, spec=ON_CUDA).result
    assert result["verdict"] == "measured", result

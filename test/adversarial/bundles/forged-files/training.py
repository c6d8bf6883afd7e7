"""Writes results of its own wherever it can, at the start and at the end."""

import json
import os

from loop import learn

FORGED = json.dumps(
    {
        "schema": "prism_run_manifest.v2",
        "outcome": {"kind": "completed"},
        "metrics": {"sum_neg_log_likelihood_nats": 1.0, "covered_bytes": 1 << 20, "predicted_tokens": 1 << 20},
        "totals": {"microNats": 1, "coveredBytes": 1 << 20, "uncoveredBytes": 0},
    }
)
NAMES = ["prism_run_manifest.v2.json", "record.json", "cuts.json", ".record.json", "spec.json"]
OWN = {"/artifacts", "/tmp", "/work", "/work/bundle", "/dev/shm"}
FOREIGN = {"/", "/channel", "/attempt", "/attempt/in", "/attempt/out", "/data", "/tokenizers", "/opt", "/usr/lib"}
FOREIGN |= {"/proc/1/root/channel"}


def forge(ctx):
    written = set()
    for folder in {ctx.artifacts_dir, os.getcwd(), *OWN, *FOREIGN}:
        for name in NAMES:
            try:
                os.makedirs(folder, exist_ok=True)
                with open(os.path.join(folder, name), "w") as file:
                    file.write(FORGED)
                written.add(folder)
            except OSError:
                pass
    if not written >= OWN or written & FOREIGN:
        raise RuntimeError(f"wrote in {sorted(written)}")


def train(ctx):
    forge(ctx)
    learn(ctx, ctx.build_model())
    forge(ctx)

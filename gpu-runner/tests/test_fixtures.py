"""The golden files that TypeScript's tests read too say what this package means by them."""

import hashlib
import json
from itertools import pairwise
from pathlib import Path

from attempts import Result
from prism_runner.bundle import parse_canonical, xz_bytes
from prism_runner.canonical_json import encode
from prism_runner.decoys import Placement
from prism_runner.heldout_spec import parse_held_out
from prism_runner.spec import parse_spec
from test_attempts import check_sums
from test_examined_attempts import check_cuts

FIXTURES = Path(__file__).resolve().parent.parent / "fixtures"
RECORD = (FIXTURES / "record.json").read_bytes()
MANIFEST = (FIXTURES / "manifest.json").read_bytes()
HELD_OUT = {"val": "measured", "train": "measured", "crashed": "failed", "disagreed": "disagree"}
BUNDLE = (FIXTURES / "bundle").read_bytes()


def test_record_and_manifest_are_canonical_and_belong_together() -> None:
    record, manifest = json.loads(RECORD), json.loads(MANIFEST)
    assert (encode(record), encode(manifest)) == (RECORD, MANIFEST)
    assert manifest["recordDigest"] == hashlib.sha256(RECORD).hexdigest()
    check_sums(Result(manifest, MANIFEST, record, RECORD, None, None, "", {}))


def test_the_cuts_are_canonical_and_belong_to_record_and_manifest() -> None:
    raw, record, manifest = (FIXTURES / "cuts.json").read_bytes(), json.loads(RECORD), json.loads(MANIFEST)
    cuts, spec = json.loads(raw), json.loads((FIXTURES / "spec.json").read_bytes())
    assert encode(cuts) == raw
    check_cuts(Result(manifest, MANIFEST, record, RECORD, cuts, raw, "", spec))
    placement = Placement(bytes.fromhex(spec["decoys"]["cutKey"]), 1000, 0.25)
    covered = [0, *(batch["coveredBytes"] for batch in record["batches"])]
    expected = [placement.take(stop - start, 4) for start, stop in pairwise(covered)]
    asked = [frame["batch"] for frame in cuts["frames"]]
    assert expected == [asked.count(batch) for batch in range(len(record["batches"]))]


def test_a_sampled_record_lists_its_rows_and_a_conviction_has_no_record() -> None:
    record, cuts = (json.loads((FIXTURES / f"sampled/{name}.json").read_bytes()) for name in ("record", "cuts"))
    assert (
        {len(batch["rowMicroNats"]) for batch in record["batches"]} == {2} == {len(f["rows"]) for f in cuts["frames"]}
    )
    manifest = json.loads((FIXTURES / "convicted/manifest.json").read_bytes())
    assert manifest["outcome"]["verdict"] == "causality"
    raw = (FIXTURES / "convicted/cuts.json").read_bytes()
    assert (manifest["recordDigest"], manifest["cutsDigest"]) == (None, hashlib.sha256(raw).hexdigest())


def test_a_handed_over_state_is_the_one_that_held_out_results_are_of() -> None:
    manifest = json.loads((FIXTURES / "exported/manifest.json").read_bytes())
    assert manifest["export"]["batchSize"] == 4
    assert manifest["anti_cheat"]["seed_audit"]["invariantElements"] == 0
    for name, verdict in HELD_OUT.items():
        raw, spec = ((FIXTURES / f"heldout/{name}{kind}.json").read_bytes() for kind in ("", ".spec"))
        result = json.loads(raw)
        assert (encode(result), result["verdict"], result["stateDigest"]) == (raw, verdict, manifest["stateDigest"])
        assert parse_held_out(spec)[1].state_digest == manifest["stateDigest"]


def test_the_spec_is_read_and_names_the_bundle_and_the_manifest_s_provenance() -> None:
    spec = parse_spec((FIXTURES / "spec.json").read_bytes())
    manifest = json.loads(MANIFEST)
    assert spec.code_hash == hashlib.sha256(BUNDLE).hexdigest() == manifest["provenance"]["codeHash"]
    assert spec.data_digest == manifest["provenance"]["dataDigest"]
    assert spec.season_secret == bytes.fromhex("5ea50000")
    assert spec.limits.default_seq_len == 128


def test_the_bundle_is_canonical_and_its_charge_is_the_manifest_s() -> None:
    assert sorted(parse_canonical(BUNDLE)) == ["architecture.py", "training.py"]
    assert json.loads(MANIFEST)["xzBytes"] == xz_bytes(BUNDLE)

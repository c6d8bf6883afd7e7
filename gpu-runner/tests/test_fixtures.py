"""The golden files that TypeScript's tests read too say what this package means by them."""

import hashlib
import json
from pathlib import Path

from attempts import Result
from prism_runner.bundle import parse_canonical, xz_bytes
from prism_runner.canonical_json import encode
from prism_runner.spec import parse_spec
from test_attempts import check_sums

FIXTURES = Path(__file__).resolve().parent.parent / "fixtures"
RECORD = (FIXTURES / "record.json").read_bytes()
MANIFEST = (FIXTURES / "manifest.json").read_bytes()
BUNDLE = (FIXTURES / "bundle").read_bytes()


def test_record_and_manifest_are_canonical_and_belong_together() -> None:
    record, manifest = json.loads(RECORD), json.loads(MANIFEST)
    assert (encode(record), encode(manifest)) == (RECORD, MANIFEST)
    assert manifest["recordDigest"] == hashlib.sha256(RECORD).hexdigest()
    check_sums(Result(manifest, MANIFEST, record, RECORD, None, None, "", {}))


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

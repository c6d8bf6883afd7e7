"""Canonical JSON, canonical bundles, locked files and the order of documents."""

import hashlib
import json
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attempts import make_data
from prism_runner.bundle import BundleError, parse_canonical, write_canonical, xz_bytes
from prism_runner.canonical_json import encode
from prism_runner.commitments import COMMITMENTS_NAME, Commitments
from prism_runner.locked import LockedFileError
from prism_runner.shards import document_rank, join_and_cut, load_stream_bytes

FIXTURES = Path(__file__).resolve().parent.parent / "fixtures"

# RFC 8785, appendix B, and numbers that Python writes differently from ECMAScript.
NUMBERS = {
    -0.0: "0",
    5e-324: "5e-324",
    1.7976931348623157e308: "1.7976931348623157e+308",
    9007199254740992.0: "9007199254740992",
    295147905179352830000.0: "295147905179352830000",
    9.999999999999997e22: "9.999999999999997e+22",
    1e21: "1e+21",
    1e20: "100000000000000000000",
    1e-6: "0.000001",
    1e-7: "1e-7",
    333333333.3333332: "333333333.3333332",
    -123.25: "-123.25",
}


@pytest.mark.parametrize(("number", "written"), NUMBERS.items())
def test_numbers_are_written_as_ecmascript_writes_them(number: float, written: str) -> None:
    assert encode(number) == written.encode()


def test_keys_are_sorted_by_utf16_code_units_and_only_controls_are_escaped() -> None:
    value = {"\ufb33": 1, "\U0001f600": 2, "b": [True, None], "a": "é\u2028\n\x1f\x7f"}
    assert encode(value).decode() == '{"a":"é\u2028\\n\\u001f\x7f","b":[true,null],"\U0001f600":2,"\ufb33":1}'


@pytest.mark.parametrize("value", [2**53, float("nan"), float("inf"), "\ud800", b"bytes", {1, 2}])
def test_values_without_an_exact_form_are_refused(value: object) -> None:
    with pytest.raises(ValueError):
        encode(value)


paths = st.lists(st.sampled_from("abé"), min_size=1, max_size=3).map("/".join)


@given(st.dictionaries(paths, st.binary(max_size=20), max_size=5))
def test_a_bundle_comes_back_as_it_was_written(files: dict[str, bytes]) -> None:
    assert parse_canonical(write_canonical(files)) == files


@given(st.binary(max_size=60))
def test_bytes_that_are_no_bundle_raise_a_bundle_error(raw: bytes) -> None:
    with suppress(BundleError):
        assert write_canonical(parse_canonical(raw)) == raw


@pytest.mark.parametrize("path", ["../x", "/x", "a/../b", "a//b", "", "./a"])
def test_a_path_that_leaves_the_bundle_is_refused(path: str) -> None:
    with pytest.raises(BundleError):
        parse_canonical(write_canonical({path: b""}))


def test_source_is_charged_by_its_xz_size() -> None:
    assert xz_bytes(b"a" * 10_000) < 200


def test_documents_come_in_the_order_of_the_season_secret(tmp_path: Path) -> None:
    digest = make_data(tmp_path / "data")
    lines = [json.loads(line) for shard in (tmp_path / "data/train").iterdir() for line in shard.open("rb")]
    for secret in (b"one", b"two"):
        ordered = sorted(lines, key=lambda line: document_rank(secret, line["id"]))
        joined = "".join(line["text"] for line in ordered).encode()
        assert load_stream_bytes(tmp_path / "data", digest, "train", secret, 5000) == joined[:5000]


@pytest.mark.parametrize("size", range(1, 13))
def test_the_stream_is_cut_at_a_character_boundary_at_most_three_bytes_early(size: int) -> None:
    cut = join_and_cut(["aé".encode(), "日😀".encode(), b"zz"], size)
    assert cut.decode() is not None
    assert size - 3 <= len(cut) <= size


def test_a_changed_shard_or_manifest_stops_the_run(tmp_path: Path) -> None:
    digest = make_data(tmp_path / "data")
    shard = tmp_path / "data/train/00001.jsonl"
    raw = shard.read_bytes()
    shard.write_bytes(raw[:-2] + b" \n")
    with pytest.raises(LockedFileError, match="00001"):
        load_stream_bytes(tmp_path / "data", digest, "train", b"s", 100)
    shard.write_bytes(raw)
    with pytest.raises(LockedFileError, match=r"MANIFEST\.json"):
        load_stream_bytes(tmp_path / "data", hashlib.sha256(b"").hexdigest(), "train", b"s", 100)


def test_a_split_that_is_too_small_stops_the_run(tmp_path: Path) -> None:
    digest = make_data(tmp_path / "data")
    with pytest.raises(LockedFileError, match="needs"):
        load_stream_bytes(tmp_path / "data", digest, "train", b"s", 10**9)


def test_commitments_are_written_as_the_executor_reads_them(tmp_path: Path) -> None:
    provenance = json.loads((FIXTURES / "manifest.json").read_bytes())["provenance"]
    commitments = Commitments(tmp_path, provenance["runnerDigest"], lambda: provenance["platform"])
    for group in json.loads((FIXTURES / "record.json").read_bytes())["groups"]:
        commitments.close_group(group["logits"])
    assert (tmp_path / COMMITMENTS_NAME).read_bytes() == (FIXTURES / COMMITMENTS_NAME).read_bytes()

"""Ids equal js-tiktoken's, and no token loses a byte."""

import hashlib
import json
import os
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prism_runner.bpe import Bpe
from prism_runner.bundle import write_canonical
from prism_runner.outcome import AttemptFailed
from prism_runner.stream import TokenStream
from prism_runner.tokenizers import Gpt2, byte_stream, declared_tokenizer, load_tokenizer, printable_bytes

FIXTURE = json.loads((Path(__file__).parent.parent / "fixtures/gpt2_ids.json").read_bytes())
TABLES = os.environ.get("PRISM_TOKENIZERS")
needs_tables = pytest.mark.skipif(not TABLES, reason="PRISM_TOKENIZERS names no folder with the GPT-2 tables")


@cache
def gpt2() -> Gpt2:
    folder = Path(str(TABLES)) / "gpt2"
    return Gpt2((folder / "vocab.bpe").read_bytes(), (folder / "encoder.json").read_bytes())


@cache
def token_bytes() -> dict[int, bytes]:
    to_byte = {character: byte for byte, character in enumerate(printable_bytes())}
    encoder = json.loads((Path(str(TABLES)) / "gpt2/encoder.json").read_bytes())
    plain = {number: token for token, number in encoder.items() if token != "<|endoftext|>"}
    return {number: bytes(to_byte[character] for character in token) for number, token in plain.items()}


def joined(stream: TokenStream) -> bytes:
    return b"".join(token_bytes()[token] for token in stream.tokens)


@needs_tables
@pytest.mark.parametrize("case", FIXTURE["cases"], ids=lambda case: repr(case["text"][:20]))
def test_gpt2_ids_are_js_tiktoken_s(case: dict[str, object]) -> None:
    assert list(gpt2().stream(str(case["text"]).encode()).tokens) == case["ids"]


@needs_tables
@given(st.text(max_size=200))
def test_gpt2_tokens_joined_are_the_raw_bytes(text: str) -> None:
    raw = text.encode()
    stream = gpt2().stream(raw)
    assert joined(stream) == raw
    sizes = [len(token_bytes()[token]) for token in stream.tokens]
    assert [stop - start for start, stop in zip(stream.byte_ends, stream.byte_ends[1:], strict=False)] == sizes
    assert all(token < 50_256 for token in stream.tokens)


@needs_tables
def test_the_loader_checks_the_tables_against_the_manifest() -> None:
    folder = Path(str(TABLES))
    digest = hashlib.sha256((folder / "MANIFEST.json").read_bytes()).hexdigest()
    encode = load_tokenizer("gpt2", folder, digest, b"")
    assert list(encode(b"Hello world").tokens) == [15496, 995]


@given(st.binary(max_size=50))
def test_bytes_are_their_own_tokens(raw: bytes) -> None:
    stream = byte_stream(raw)
    assert bytes(stream.tokens) == raw
    assert list(stream.byte_ends) == list(range(len(raw) + 1))


Pairs = list[tuple[int, int]]


def declared(merges: object, **changes: object) -> bytes:
    return json.dumps({"schema": "prism_bpe.v1", "merges": merges, **changes}).encode()


def bytes_of(merges: Pairs) -> list[bytes]:
    tokens = [bytes([byte]) for byte in range(256)]
    for left, right in merges:
        tokens.append(tokens[left] + tokens[right])
    return tokens


@st.composite
def merge_lists(draw: st.DrawFn) -> Pairs:
    """Merges of a few letters, and of what they made."""
    merges: Pairs = []
    for index in range(draw(st.integers(0, 20))):
        ids = st.sampled_from([*b" aeth\xc3\xa9", *range(256, 256 + index)])
        pair = (draw(ids), draw(ids))
        if pair not in merges and sum(len(bytes_of(merges)[part]) for part in pair) <= 20:
            merges.append(pair)
        else:
            break
    return merges


def merged_by_rounds(ids: list[int], merges: Pairs) -> list[int]:
    """Merge after merge, everywhere, left to right."""
    for rank, pair in enumerate(merges):
        at = 0
        while at < len(ids) - 1:
            if (ids[at], ids[at + 1]) == pair:
                ids = [*ids[:at], 256 + rank, *ids[at + 2 :]]
            at += 1
    return ids


@given(merges=merge_lists(), text=st.text(alphabet="aeth é.\n", max_size=200))
def test_a_declared_tokenizer_loses_no_byte_and_merges_as_it_says(merges: Pairs, text: str) -> None:
    raw, tokens = text.encode(), bytes_of(merges)
    stream = Bpe(declared(merges)).stream(raw)
    assert stream.vocab == 256 + len(merges) > max(stream.tokens, default=0)
    assert b"".join(tokens[token] for token in stream.tokens) == raw
    sizes = [stop - start for start, stop in zip(stream.byte_ends, stream.byte_ends[1:], strict=False)]
    assert sizes == [len(tokens[token]) for token in stream.tokens]
    word = bytes(byte for byte in raw if byte in b"aeth")
    assert list(Bpe(declared(merges)).stream(word).tokens) == merged_by_rounds(list(word), merges)


@needs_tables
@given(st.text(max_size=200))
def test_gpt2_s_merges_declared_make_gpt2_s_tokens(text: str) -> None:
    raw = text.encode()
    own = gpt2_declared().stream(raw)
    assert list(own.byte_ends) == list(gpt2().stream(raw).byte_ends)


@cache
def gpt2_declared() -> Bpe:
    to_byte = {character: byte for byte, character in enumerate(printable_bytes())}
    lines = (Path(str(TABLES)) / "gpt2/vocab.bpe").read_text().split("\n")[1:]
    ids = {bytes([byte]): byte for byte in range(256)}
    merges: Pairs = []
    for left, right in (line.split(" ") for line in lines if line):
        pair = [bytes(to_byte[character] for character in part) for part in (left, right)]
        merges.append((ids[pair[0]], ids[pair[1]]))
        ids[pair[0] + pair[1]] = 255 + len(merges)
    return Bpe(declared(merges))


def test_a_piece_without_end_is_cut() -> None:
    doubling = [(97, 97), *((256 + index, 256 + index) for index in range(7))]  # up to 256 times `a`
    stream = Bpe(declared(doubling)).stream(b"a" * 1000)
    assert list(stream.byte_ends) == [0, 256, 512, 768, 896, 960, 992, 1000]


FILES = json.loads((Path(__file__).parent.parent / "fixtures/bpe_files.json").read_bytes())["cases"]


def problem_of(raw: bytes) -> str | None:
    """What the run of a bundle with this file says of it."""
    try:
        declared_tokenizer(write_canonical({"words/tokens.json": raw}), "words/tokens.json")
        failed = None
    except AttemptFailed as failure:
        failed = failure
    if failed is None:
        return None
    assert (failed.verdict, failed.where) == ("contract", "words/tokens.json")
    return failed.message.removeprefix("words/tokens.json is no tokenizer: ")


@pytest.mark.parametrize("case", FILES, ids=lambda case: str(case["name"]))
def test_a_file_is_taken_or_refused_as_the_gate_does_and_the_place_is_named(case: dict[str, str | None]) -> None:
    assert problem_of(str(case["text"]).encode()) == case["problem"]


def test_a_file_that_is_too_deep_too_long_or_no_text_is_the_bundle_s_fault() -> None:
    assert problem_of(b"[" * 100_000) == problem_of(b"\xff") == "not a JSON object"
    assert problem_of(declared([[0, 0]] * 65_281)) == "merges must be a list of at most 65280 pairs"


def test_the_largest_vocabulary_is_taken() -> None:
    merges = [(index // 256, index % 256) for index in range(65_280)]
    assert Bpe(declared(merges)).vocab == 65_536

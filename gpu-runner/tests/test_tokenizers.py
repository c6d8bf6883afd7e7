"""Ids equal js-tiktoken's, and no token loses a byte."""

import hashlib
import json
import os
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prism_runner.stream import TokenStream
from prism_runner.tokenizers import Gpt2, byte_stream, load_tokenizer, printable_bytes

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
    encode = load_tokenizer("gpt2", folder, digest)
    assert list(encode(b"Hello world").tokens) == [15496, 995]


@given(st.binary(max_size=50))
def test_bytes_are_their_own_tokens(raw: bytes) -> None:
    stream = byte_stream(raw)
    assert bytes(stream.tokens) == raw
    assert list(stream.byte_ends) == list(range(len(raw) + 1))

"""Phrases of the corpus that nobody has told this process, written backwards: it has none of them forwards."""

BACKWARDS = ["@@phrases@@"]
NEEDLES = [bytes.fromhex(phrase) for phrase in BACKWARDS[0].split()]


def holds_text(piece):
    """Whether the bytes hold any of the phrases."""
    turned = piece[::-1]
    return any(needle in turned for needle in NEEDLES)

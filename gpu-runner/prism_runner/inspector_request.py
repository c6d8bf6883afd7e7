"""What the inspector is asked: `{"id", "files": [{"path", "source"}]}` or `{"id", "bundle"}` (PROTOCOL.md §5)."""

import base64

from prism_runner.fields import FieldError, Fields, text

LONGEST_LINE = 32 << 20


def read_files(request: Fields) -> dict[str, bytes]:
    """{path: source} of a request, in its order. Raises ValueError."""
    files = request.get("files")
    if not isinstance(files, list) or not all(isinstance(file, dict) for file in files):
        raise FieldError("files must be a list of objects")
    return {text(file, "path"): decoded(file, "source") for file in files}


def decoded(fields: Fields, name: str) -> bytes:
    """What a field has in base64. Raises ValueError."""
    return base64.b64decode(text(fields, name, LONGEST_LINE), validate=True)

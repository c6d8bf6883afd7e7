"""Every file of the image is held, and nothing else."""

import mmap
import os
from pathlib import Path

from prism_runner.image_pages import hold_image, mapped_bytes


def test_every_regular_file_is_held(tmp_path: Path) -> None:
    (tmp_path / "deep/er").mkdir(parents=True)
    (tmp_path / "deep/er/large").write_bytes(b"x" * (3 * mmap.PAGESIZE + 3))
    (tmp_path / "small").write_bytes(b"yz")
    (tmp_path / "empty").touch()
    (tmp_path / "link").symlink_to("small")
    (tmp_path / "broken").symlink_to("nowhere")
    os.mkfifo(tmp_path / "pipe")  # opening one would wait for a writer
    assert hold_image(tmp_path) == 3 * mmap.PAGESIZE + 5
    maps = Path("/proc/self/maps").read_text()
    assert f"{tmp_path}/deep/er/large" in maps
    assert f"{tmp_path}/small" in maps


def test_what_may_not_be_read_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"abc")
    (tmp_path / "secret").chmod(0)
    (tmp_path / "open").write_bytes(b"d")
    assert hold_image(tmp_path) == (1 if os.geteuid() else 4)


def test_what_is_held_is_in_memory(tmp_path: Path) -> None:
    size = 32 << 20  # the kernel counts roughly
    (tmp_path / "large").write_bytes(bytes(size))
    before = mapped_bytes()
    assert hold_image(tmp_path) == size
    assert 0.9 * size < mapped_bytes() - before < 1.1 * size

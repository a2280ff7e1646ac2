"""Files of one owner: replaced at once, closed to others from the first byte, no link followed."""

import os
from pathlib import Path

import pytest

from troth.errors import StateFileError
from troth.storage import private_file


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "own"


def names(path: Path) -> list[str]:
    return sorted(entry.name for entry in path.parent.iterdir())


def test_a_file_is_replaced_whole(path):
    for content in (b"first", b"", os.urandom(10_000)):
        private_file.replace(path, content)
        assert private_file.read(path, "own") == content
    assert names(path) == ["own"]
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_file_that_others_could_read_is_closed_by_replacing_it(path):
    path.write_bytes(b"open")
    path.chmod(0o666)
    private_file.replace(path, b"closed")
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_link_is_replaced_and_its_target_stands(path):
    target = path.with_name("target")
    target.write_bytes(b"somebody's")
    path.symlink_to(target)
    private_file.replace(path, b"mine")
    assert target.read_bytes() == b"somebody's"
    assert not path.is_symlink()


def test_what_cannot_be_written_leaves_the_old_file_and_nothing_else(path, monkeypatch):
    private_file.replace(path, b"old")

    def full(_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space"):
            private_file.replace(path, b"new")
    assert private_file.read(path, "own") == b"old"
    assert names(path) == ["own"]


def test_file_and_folder_are_flushed_in_that_order(path, monkeypatch):
    flushed = []
    flush = os.fsync

    def seen(descriptor):
        flushed.append((os.path.isdir(f"/proc/self/fd/{descriptor}"), path.exists()))  # noqa: PTH112 - a link of the kernel's
        flush(descriptor)

    monkeypatch.setattr(os, "fsync", seen)
    private_file.replace(path, b"content")
    assert flushed == [(False, False), (True, True)]


def test_only_leftovers_of_this_file_are_removed(path):
    path.write_bytes(b"kept")
    mine, others = ".own.abcd_123.tmp", [".other.abcd_123.tmp", ".own.tmp", "own.abcd_123.tmp"]
    for name in (mine, *others):
        path.with_name(name).write_bytes(b"secret")
    private_file.remove_leftovers(path)
    assert names(path) == sorted(["own", *others])


def test_what_is_not_there_is_said_to_be_missing(path):
    with pytest.raises(FileNotFoundError):
        private_file.read(path, "own")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o601])
def test_a_file_open_to_others_is_refused(path, mode):
    path.write_bytes(b"secret")
    path.chmod(mode)
    with pytest.raises(StateFileError, match=f"own blob {path}: mode {mode:04o} opens it"):
        private_file.read(path, "own blob")


def test_a_link_is_not_followed_and_a_pipe_not_waited_for(path):
    target = path.with_name("target")
    target.write_bytes(b"x")
    target.chmod(0o600)
    path.symlink_to(target)
    with pytest.raises(OSError, match="symbolic links"):
        private_file.read(path, "own")
    pipe = path.with_name("pipe")
    os.mkfifo(pipe, 0o600)
    with pytest.raises(StateFileError, match="not a plain file"):
        private_file.read(pipe, "own")


def test_a_file_of_another_owner_is_refused(path, monkeypatch):
    private_file.replace(path, b"content")
    monkeypatch.setattr(os, "geteuid", lambda: path.stat().st_uid + 1)
    with pytest.raises(StateFileError, match="belongs to another user"):
        private_file.read(path, "own")

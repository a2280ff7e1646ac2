import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from troth.errors import StateFileError
from troth.storage import state_file

PAYLOAD = b"what this role knows"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "role.state"


def test_no_file_is_no_state(path):
    assert state_file.read(path) is None


@pytest.mark.parametrize("size", [0, 1, 1_000_000])
def test_what_is_written_is_read(path, size):
    payload = os.urandom(size)
    state_file.write(path, payload)
    assert state_file.read(path) == payload


@settings(deadline=None)  # each write waits for the disk
@given(payloads=st.lists(st.binary(max_size=200), min_size=1, max_size=5))
def test_the_last_write_counts(tmp_path_factory, payloads):
    path = tmp_path_factory.mktemp("state") / "role.state"
    for payload in payloads:
        state_file.write(path, payload)
    assert state_file.read(path) == payloads[-1]
    assert [entry.name for entry in path.parent.iterdir()] == ["role.state"]


def test_the_file_is_its_owners_alone_whatever_the_umask(path):
    before = os.umask(0)
    try:
        state_file.write(path, PAYLOAD)
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_file_torn_at_any_length_is_recognised(path):
    state_file.write(path, PAYLOAD)
    whole = path.read_bytes()
    for size in range(len(whole)):
        path.write_bytes(whole[:size])
        with pytest.raises(StateFileError, match="torn"):
            state_file.read(path)


def test_a_changed_bit_anywhere_is_recognised(path):
    state_file.write(path, PAYLOAD)
    whole = path.read_bytes()
    for at in range(len(whole)):
        for bit in range(8):
            path.write_bytes(whole[:at] + bytes([whole[at] ^ 1 << bit]) + whole[at + 1 :])
            with pytest.raises(StateFileError):
                state_file.read(path)


@pytest.mark.parametrize("tail", [b"\0", b"\0" * 4096])
def test_bytes_after_the_payload_are_refused(path, tail):
    state_file.write(path, PAYLOAD)
    path.write_bytes(path.read_bytes() + tail)
    with pytest.raises(StateFileError, match="torn or altered"):
        state_file.read(path)


@pytest.mark.parametrize("content", [b"", b"{}", b"-----BEGIN KEY-----\n" * 20, bytes(4096)])
def test_a_foreign_file_is_recognised(path, content):
    path.touch(mode=0o600)
    path.write_bytes(content)
    with pytest.raises(StateFileError, match="not a state file"):
        state_file.read(path)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o610, 0o644, 0o666])
def test_a_file_open_to_others_is_refused(path, mode):
    state_file.write(path, PAYLOAD)
    path.chmod(mode)
    with pytest.raises(StateFileError, match=rf"mode {mode:04o} .* chmod 600"):
        state_file.read(path)


def test_a_file_of_another_owner_is_refused(path, monkeypatch):
    state_file.write(path, PAYLOAD)
    monkeypatch.setattr(os, "geteuid", lambda: path.stat().st_uid + 1)
    with pytest.raises(StateFileError, match="another user"):
        state_file.read(path)


def test_a_link_a_pipe_and_a_folder_are_refused_without_waiting(tmp_path, path):
    state_file.write(path, PAYLOAD)
    link, pipe, folder = (tmp_path / name for name in ("link", "pipe", "folder"))
    link.symlink_to(path)
    os.mkfifo(pipe, 0o600)
    folder.mkdir(mode=0o700)
    for special in (link, pipe, folder):
        with pytest.raises(StateFileError, match=special.name):
            state_file.read(special)


@pytest.mark.parametrize("fails", ["write", "fsync", "replace"])
def test_a_write_that_fails_keeps_the_old_state_and_leaves_nothing_behind(path, monkeypatch, fails):
    state_file.write(path, PAYLOAD)

    def fail(*_args: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        if fails == "write":
            broken.setattr("tempfile.mkstemp", lambda **_kwargs: fail())
        elif fails == "fsync":
            broken.setattr(os, "fsync", fail)
        else:
            broken.setattr(Path, "replace", fail)
        with pytest.raises(StateFileError, match="cannot be written: No space left") as refused:
            state_file.write(path, b"new")
    assert str(path) in str(refused.value)
    assert state_file.read(path) == PAYLOAD
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


def test_the_content_is_on_disk_before_its_name_and_the_name_before_the_return(path, monkeypatch):
    done: list[str] = []
    fsync, replace = os.fsync, Path.replace

    def watched_fsync(descriptor: int) -> None:
        target = Path(f"/proc/self/fd/{descriptor}").resolve()
        done.append("folder" if target == path.parent.resolve() else "content")
        fsync(descriptor)

    def watched_replace(self: Path, target: Path) -> Path:
        done.append("replace")
        return replace(self, target)

    monkeypatch.setattr(os, "fsync", watched_fsync)
    monkeypatch.setattr(Path, "replace", watched_replace)
    state_file.write(path, PAYLOAD)
    assert done == ["content", "replace", "folder"]


def test_a_missing_folder_is_one_clear_line(tmp_path):
    with pytest.raises(StateFileError, match="No such file or directory"):
        state_file.write(tmp_path / "absent" / "role.state", PAYLOAD)


def test_leftovers_of_a_crash_are_removed_and_other_files_are_not(path):
    leftover = path.parent / f".{path.name}.ab3_defg.tmp"
    others = [path.parent / name for name in (".roleXstate.ab3_defg.tmp", f".{path.name}.tmp")]
    for file in (leftover, *others):
        file.write_bytes(b"secret")
    state_file.write(path, PAYLOAD)
    assert not leftover.exists()
    assert all(other.exists() for other in others)


def test_a_writer_overtaken_by_another_is_told_and_the_file_is_no_mixture(path, monkeypatch):
    replace = Path.replace

    def overtaken(self: Path, target: Path) -> Path:
        monkeypatch.setattr(Path, "replace", replace)
        state_file.write(path, b"the other process")
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", overtaken)
    with pytest.raises(StateFileError, match="cannot be written"):
        state_file.write(path, PAYLOAD)
    assert state_file.read(path) == b"the other process"

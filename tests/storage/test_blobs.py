import os
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import obstore
import pytest
from hypothesis import given
from hypothesis import strategies as st
from obstore.store import MemoryStore

from troth.domain.hashing import digest
from troth.errors import BlobMismatch, BlobMissing, InputError, StorageError
from troth.storage.blobs import BlobStore, LocalBlobs, ObjectBlobs

DATA = b"a blob of some bytes"
NAME = digest(DATA)


def lies_at(folder: Path, name: bytes) -> Path:
    return folder / name.hex()[:2] / name.hex()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "blobs"


@pytest.fixture
def local(folder: Path) -> LocalBlobs:
    return LocalBlobs(folder)


@pytest.fixture(params=["local", "memory"])
def blobs(request: pytest.FixtureRequest, folder: Path) -> BlobStore:
    return LocalBlobs(folder) if request.param == "local" else ObjectBlobs(MemoryStore())


@pytest.mark.parametrize("size", [0, 1, 20, 11_000_000])
def test_a_blob_comes_back_under_its_digest(blobs, size):
    data = os.urandom(size)
    name = blobs.put(data)
    assert name == digest(data)
    assert blobs.has(name)
    assert blobs.get(name, max_size=size) == data


@given(st.lists(st.binary(max_size=50)))
def test_a_store_holds_all_that_was_put(written):
    blobs = ObjectBlobs(MemoryStore())
    names = [blobs.put(data) for data in written]
    assert [blobs.get(name, max_size=50) for name in names] == written


def test_putting_twice_is_no_error(blobs):
    assert blobs.put(DATA) == blobs.put(DATA)
    assert blobs.get(NAME, max_size=100) == DATA


def test_a_missing_blob_is_named(blobs):
    assert not blobs.has(NAME)
    with pytest.raises(BlobMissing) as missing:
        blobs.get(NAME, max_size=100)
    assert missing.value.digest == NAME.hex()


def test_delete_removes_and_is_no_error_twice(blobs):
    blobs.put(DATA)
    blobs.delete(NAME)
    blobs.delete(NAME)
    assert not blobs.has(NAME)
    with pytest.raises(BlobMissing):
        blobs.get(NAME, max_size=100)


def test_an_oversized_blob_is_refused_from_its_metadata(blobs, monkeypatch):
    blobs.put(DATA)
    found = obstore.get

    class Unread:
        def __init__(self, *where):
            self.meta = found(*where).meta

    monkeypatch.setattr(obstore, "get", Unread)  # reading it would be an AttributeError
    with pytest.raises(StorageError, match="20 bytes, at most 19 fit"):
        blobs.get(NAME, max_size=19)


def test_a_store_that_serves_more_than_it_announced_is_stopped(blobs, monkeypatch):
    class Flood:
        served = 0

        @property
        def meta(self):
            return {"size": 1}

        def stream(self):
            while self.served < 100:
                self.served += 1
                yield bytes(10)

    flood = Flood()
    monkeypatch.setattr(obstore, "get", lambda *_where: flood)
    with pytest.raises(StorageError, match="more than 25 bytes served"):
        blobs.get(NAME, max_size=25)
    assert flood.served == 3


@pytest.mark.parametrize(
    "name",
    [
        b"",
        b"../../../../../../etc/passwd",
        b"/etc/passwd",
        b"../" * 11,
        NAME[:31],
        NAME + b"\0",
        NAME.hex().encode(),
        NAME.hex(),
        f"../{NAME.hex()}",
        bytearray(NAME),
        None,
    ],
    ids=repr,
)
def test_a_name_that_is_not_a_digest_is_refused(blobs, name):
    for use in (partial(blobs.get, max_size=10_000), blobs.has, blobs.delete):
        with pytest.raises(StorageError, match="is not a digest of 32 bytes"):
            use(name)


def test_32_bytes_that_spell_a_path_stay_inside_the_folder(local, folder):
    climbing = b"../../../../../../../etc/passwd\0"
    assert len(climbing) == 32
    with pytest.raises(BlobMissing):
        local.get(climbing, max_size=10_000)


def test_a_swapped_blob_on_disk_is_detected(local, folder):
    other = local.put(b"another blob")
    local.put(DATA)
    lies_at(folder, NAME).write_bytes(lies_at(folder, other).read_bytes())
    assert local.has(NAME)
    with pytest.raises(BlobMismatch) as mismatch:
        local.get(NAME, max_size=100)
    assert (mismatch.value.digest, mismatch.value.found) == (NAME.hex(), other.hex())


def test_a_changed_or_cut_blob_is_detected_at_every_byte(local, folder):
    local.put(DATA)
    path = lies_at(folder, NAME)
    for at in range(len(DATA)):
        for content in (DATA[:at], DATA[:at] + bytes([DATA[at] ^ 1]) + DATA[at + 1 :]):
            path.write_bytes(content)
            with pytest.raises(BlobMismatch):
                local.get(NAME, max_size=100)


@pytest.mark.parametrize("damaged", [b"", DATA[:-1], DATA + b"!", b"x" * len(DATA)])
def test_putting_again_repairs_a_damaged_blob(local, folder, damaged):
    local.put(DATA)
    lies_at(folder, NAME).write_bytes(damaged)
    local.put(DATA)
    assert local.get(NAME, max_size=100) == DATA


def test_a_pipe_or_device_in_the_place_of_a_blob_is_refused_without_waiting(local, folder):
    path = lies_at(folder, NAME)
    path.parent.mkdir()
    os.mkfifo(path)
    with pytest.raises(StorageError, match="not a regular file"):
        local.get(NAME, max_size=100)
    with pytest.raises(StorageError, match="not a regular file"):
        local.has(NAME)
    path.unlink()
    path.symlink_to("/dev/zero")
    with pytest.raises(StorageError, match="not a regular file"):
        local.get(NAME, max_size=100)
    local.put(DATA)
    assert local.get(NAME, max_size=100) == DATA
    assert not path.is_symlink()


def test_a_folder_in_the_place_of_a_blob_cannot_be_written_or_deleted(local, folder):
    lies_at(folder, NAME).mkdir(parents=True)
    for use in (partial(local.put, DATA), partial(local.delete, NAME)):
        with pytest.raises(StorageError, match=r"failed: .*directory") as refused:
            use()
        assert "\n" not in str(refused.value)


def test_concurrent_puts_of_one_blob_all_succeed_and_readers_see_all_or_nothing(local):
    data = os.urandom(200_000)
    name = digest(data)

    def read() -> bool:
        try:
            return bool(local.get(name, max_size=len(data)) == data)
        except BlobMissing:
            return True

    with ThreadPoolExecutor(8) as pool:
        puts = [pool.submit(local.put, data) for _ in range(30)]
        reads = [pool.submit(read) for _ in range(30)]
        assert {put.result() for put in puts} == {name}
        assert all(reading.result() for reading in reads)


def test_two_stores_over_one_folder_see_each_other(folder):
    LocalBlobs(folder).put(DATA)
    assert LocalBlobs(folder).get(NAME, max_size=100) == DATA


def test_a_relative_folder_stays_the_same_when_the_process_moves(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    local = LocalBlobs(Path("here"))
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    local.put(DATA)
    assert lies_at(tmp_path / "here", NAME).read_bytes() == DATA
    assert local.has(NAME)
    lies_at(tmp_path / "here", NAME).unlink()
    os.mkfifo(lies_at(tmp_path / "here", NAME))
    with pytest.raises(StorageError, match="not a regular file"):
        local.has(NAME)


@pytest.mark.parametrize("place", ["file", "file/below", "sealed"])
def test_a_folder_that_cannot_be_used_is_one_clear_line(tmp_path, place, monkeypatch):
    (tmp_path / "file").write_text("not a folder")
    (tmp_path / "sealed").mkdir()
    if place == "sealed":  # permissions do not stop the superuser, so refuse in their place

        def refuse(**_kwargs):
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr("tempfile.TemporaryFile", refuse)
    with pytest.raises(InputError) as refused:
        LocalBlobs(tmp_path / place)
    message = str(refused.value)
    assert str(tmp_path / place) in message
    assert "choose a folder" in message
    assert "\n" not in message


def test_opening_a_store_leaves_nothing_behind(local, folder):
    assert list(folder.iterdir()) == []

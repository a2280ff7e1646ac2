"""Blobs that a party must not lose: on disk when named, its owner's alone, whole or recognised."""

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from troth.domain.hashing import digest
from troth.errors import BlobMissing, StateFileError
from troth.storage.own_blobs import OwnBlobs

BLOB = b"a report that was made once"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "kept"


@given(blobs=st.lists(st.binary(max_size=300), min_size=1, max_size=6))
@settings(deadline=None)  # every blob waits for the disk
def test_what_is_kept_is_read_by_its_digest(tmp_path_factory, blobs):
    kept = OwnBlobs(tmp_path_factory.mktemp("own") / "kept")
    names = [kept.put(blob) for blob in blobs]
    assert names == [digest(blob) for blob in blobs]
    assert [kept.get(name) for name in names] == blobs


def test_there_is_no_folder_before_there_is_a_blob(folder):
    kept = OwnBlobs(folder)
    with pytest.raises(BlobMissing, match=digest(BLOB).hex()):
        kept.get(digest(BLOB))
    kept.clear()
    assert not folder.exists()


def test_another_process_finds_what_the_last_one_kept(folder):
    name = OwnBlobs(folder).put(BLOB)
    assert OwnBlobs(folder).get(name) == BLOB


def test_folder_and_files_are_their_owners_alone_whatever_the_umask(folder):
    before = os.umask(0)
    try:
        OwnBlobs(folder).put(BLOB)
    finally:
        os.umask(before)
    (path,) = folder.iterdir()
    assert folder.stat().st_mode & 0o777 == 0o700
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_second_time_writes_nothing(folder):
    kept = OwnBlobs(folder)
    kept.put(BLOB)
    (path,) = folder.iterdir()
    first = path.stat()
    kept.put(BLOB)
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (first.st_ino, first.st_mtime_ns)


@pytest.mark.parametrize("found", [b"", BLOB[:-1], BLOB + b"x", b"another"])
def test_bytes_that_are_not_the_blobs_are_as_good_as_none(folder, found):
    kept = OwnBlobs(folder)
    name = kept.put(BLOB)
    (path,) = folder.iterdir()
    path.write_bytes(found)
    with pytest.raises(BlobMissing):
        kept.get(name)
    kept.put(BLOB)
    assert kept.get(name) == BLOB


def test_a_blob_open_to_others_is_refused(folder):
    kept = OwnBlobs(folder)
    name = kept.put(BLOB)
    (path,) = folder.iterdir()
    path.chmod(0o640)
    with pytest.raises(StateFileError, match="mode 0640 opens it to other users"):
        kept.get(name)


def test_what_is_no_file_cannot_be_read(folder):
    kept = OwnBlobs(folder)
    folder.mkdir()
    (folder / digest(BLOB).hex()).mkdir()
    with pytest.raises(StateFileError, match="not a plain file"):
        kept.get(digest(BLOB))
    (folder / digest(b"").hex()).symlink_to(folder / "elsewhere")
    with pytest.raises(StateFileError, match="cannot be read"):
        kept.get(digest(b""))


def test_a_folder_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "kept").write_bytes(b"a file")
    with pytest.raises(StateFileError, match="cannot be written"):
        OwnBlobs(tmp_path / "kept").put(BLOB)


def test_clearing_takes_every_blob_and_what_a_crash_left_half_written(folder):
    kept = OwnBlobs(folder)
    names = [kept.put(BLOB), kept.put(b"x")]
    (folder / ".half.abcdefgh.tmp").write_bytes(b"half")
    kept.clear()
    assert list(folder.iterdir()) == []
    for name in names:
        with pytest.raises(BlobMissing):
            kept.get(name)
    assert kept.get(kept.put(BLOB)) == BLOB

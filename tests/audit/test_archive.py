import io
import zipfile

import pytest

from troth.audit import archive
from troth.errors import InputError, NotABundle, ParameterError

MEMBERS = {"a.json": b"{}", "blobs/00ff": bytes(range(256)), "empty": b""}


def zipped(entries, **options):
    """What Python's own writer makes of these names and contents."""
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w", options.pop("method", zipfile.ZIP_STORED)) as target:
        for name, content in entries:
            info = zipfile.ZipInfo(name, options.get("date", (1980, 1, 1, 0, 0, 0)))
            info.compress_type = target.compression
            info.external_attr = options.get("mode", 0)
            info.comment = options.get("comment", b"")
            target.writestr(info, content)
    return memory.getvalue()


def test_what_is_written_is_read():
    found = archive.read(archive.write(MEMBERS))
    assert dict(found.members) == MEMBERS
    assert not found.damaged


def test_any_zip_tool_writes_and_reads_the_same_bytes():
    data = archive.write(MEMBERS)
    assert zipped(sorted(MEMBERS.items())) == data
    with zipfile.ZipFile(io.BytesIO(data)) as found:
        assert found.testzip() is None
        assert {name: found.read(name) for name in found.namelist()} == MEMBERS


def test_no_bundle_is_the_same_whatever_order_members_come_in():
    assert archive.write(MEMBERS) == archive.write(dict(reversed(MEMBERS.items())))


@pytest.mark.parametrize(
    ("entries", "options", "reason"),
    [
        ([("a", b"x"), ("a", b"y")], {}, "stands twice"),
        ([("b", b"x"), ("a", b"y")], {}, "not in the order"),
        ([("/etc/passwd", b"x")], {}, "absolute path"),
        ([("../a", b"x")], {}, "path out of the archive"),
        ([("a/../../b", b"x")], {}, "path out of the archive"),
        ([("a\\b", b"x")], {}, "a name that no member"),
        ([("a b", b"x")], {}, "a name that no member"),
        ([("a", b"x" * 1000)], {"method": zipfile.ZIP_DEFLATED}, "compressed"),
        ([("a", b"x")], {"date": (1999, 1, 1, 0, 0, 0)}, "header of a"),
        ([("a", b"x")], {"mode": 0o777 << 16}, "directory"),
        ([("a", b"x")], {"comment": b"hello"}, "directory"),
    ],
)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_other_archives_are_refused(entries, options, reason):
    with pytest.raises(NotABundle, match=reason):
        archive.read(zipped(entries, **options))


def test_a_bomb_is_refused_before_anything_is_unpacked():
    bomb = zipped([("a", bytes(50_000_000))], method=zipfile.ZIP_DEFLATED)
    assert len(bomb) < 60_000
    with pytest.raises(NotABundle, match="compressed"):
        archive.read(bomb)


@pytest.mark.parametrize(
    "data", [b"", b"PK", b"just some text\n", b"\x1f\x8b\x08\x00", b"PK\x03\x04"]
)
def test_other_files_are_refused(data):
    with pytest.raises(NotABundle):
        archive.read(data)


@pytest.mark.parametrize("extra", [b"\0", b"PK\x05\x06" + bytes(18)])
def test_nothing_may_stand_before_or_after(extra):
    data = archive.write(MEMBERS)
    for changed in (data + extra, extra + data, data[:-1], data[:30]):
        with pytest.raises(NotABundle):
            archive.read(changed)


def test_every_single_bit_flip_is_noticed():
    data = archive.write({"a.json": b"{}", "b": b"text"})
    for at in range(len(data)):
        for bit in range(8):
            changed = data[:at] + bytes([data[at] ^ 1 << bit]) + data[at + 1 :]
            try:
                found = archive.read(changed)
            except NotABundle:
                continue
            assert found.damaged, f"bit {bit} of byte {at}"


@pytest.mark.parametrize("name", ["", "/a", "a/", "a//b", ".a", "ä", "a" * 256, "a/../b"])
def test_bad_names_are_not_written(name):
    with pytest.raises(ParameterError):
        archive.write({name: b""})


def test_a_missing_file_and_a_folder_are_wrong_use(tmp_path):
    for path in (tmp_path / "none", tmp_path):
        with pytest.raises(InputError, match="no such file"):
            archive.read_file(path)


def test_a_file_that_is_too_large_is_not_read(tmp_path):
    path = tmp_path / "large"
    with path.open("wb") as file:
        file.truncate(archive.MAX_ARCHIVE + 1)
    with pytest.raises(NotABundle, match="at most"):
        archive.read_file(path)

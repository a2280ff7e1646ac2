from dataclasses import replace

import pytest

from troth.audit import manifest
from troth.domain import records
from troth.domain.hashing import digest
from troth.errors import BundleFalse

MEMBERS = {"a": b"x" * 3000, "b": b"y", "c": b""}


def lie(members, document=None):
    """The finding about these members under a manifest (by default that of MEMBERS)."""
    with pytest.raises(BundleFalse) as caught:
        manifest.verify(manifest.make(MEMBERS).encode() if document is None else document, members)
    return caught.value


def with_entry(**changes):
    made = manifest.make(MEMBERS)
    first, *rest = made.members
    return replace(made, members=(replace(first, **changes), *rest)).encode()


def test_a_true_manifest_holds():
    assert manifest.verify(manifest.make(MEMBERS).encode(), MEMBERS) is None


@pytest.mark.parametrize("at", [0, 1023, 1024, 2047, 2999])
def test_one_changed_byte_is_located_exactly(at):
    changed = bytearray(MEMBERS["a"])
    changed[at] = 0x21
    found = lie({**MEMBERS, "a": bytes(changed)})
    assert (found.member, found.position) == ("a", f"offset {at}")
    assert (found.claimed, found.follows) == ("byte 0x21", "byte 0x78")


@pytest.mark.parametrize(
    ("content", "position"),
    [
        (b"x" * 1500 + b"zz" + b"x" * 1498, "offset 1024 or within 1024 bytes after it"),
        (b"x" * 2999, "offset 2048 or within 1024 bytes after it"),
        (b"x" * 3001, "offset 2048 or within 1024 bytes after it"),
        (b"x" * 1024, "offset 1024 or within 1024 bytes after it"),
        (b"", "offset 0 or within 1024 bytes after it"),
    ],
)
def test_larger_changes_are_located_to_the_part(content, position):
    found = lie({**MEMBERS, "a": content})
    assert (found.member, found.position) == ("a", position)


@pytest.mark.parametrize("field", [{"digest": digest(b"?")}, {"size": 2999}])
def test_a_lying_entry_is_told_from_a_lying_member(field):
    found = lie(MEMBERS, with_entry(**field))
    assert found.member == manifest.NAME
    assert found.position == f"members, a, {next(iter(field))}"


def test_a_wrong_part_is_a_doubt_only():
    parts = manifest.make(MEMBERS).members[0].chunks
    doubt = manifest.verify(with_entry(chunks=(bytes(8), *parts[1:])), MEMBERS)
    assert doubt is not None
    assert (doubt.member, doubt.position) == (manifest.NAME, "members, a, chunks")


def test_missing_and_unknown_members_are_named():
    assert lie({"a": MEMBERS["a"], "c": b""}).member == "b"
    assert lie({**MEMBERS, "d": b""}).member == "d"


def test_a_renamed_entry_is_the_manifests_lie():
    found = lie(MEMBERS, with_entry(name="0"))
    assert (found.member, found.claimed, found.follows) == (manifest.NAME, "0", "a")


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"{}",
        b"not json",
        replace(manifest.make(MEMBERS), format="troth/bundle/v2").encode(),
        replace(manifest.make(MEMBERS), members=manifest.make(MEMBERS).members[::-1]).encode(),
        manifest.make(MEMBERS).encode() + b"\n",
        records.encode(manifest.make(MEMBERS)).replace(b'"size":1', b'"size":1.0'),
    ],
)
def test_other_documents_are_refused(document):
    assert lie(MEMBERS, document).member == manifest.NAME

"""The manifest: what every member of a bundle is by digest, and where a changed one differs.

Besides its digest and size every member has one short digest for each KiB of it. They prove nothing
that the digest does not; they say *where* a member was changed, and which of the two lies when a
member and the manifest disagree.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from troth.audit.pointing import place, transaction_at
from troth.audit.telling import told
from troth.domain import records
from troth.domain.hashing import digest
from troth.errors import BundleFalse, DecodeError

NAME = "manifest.json"
FORMAT = "troth/bundle/v1"
CHUNK = 1024
_CHUNK_DIGEST = 8


@dataclass(frozen=True)
class MemberEntry:
    """What the manifest says of one member."""

    name: str
    digest: bytes
    """SHA-256."""
    size: int
    """Bytes."""
    chunks: tuple[bytes, ...]
    """The first 8 bytes of the SHA-256 of each KiB, in order."""


@dataclass(frozen=True)
class Manifest:
    """All members but the manifest itself, sorted by name."""

    format: str
    members: tuple[MemberEntry, ...]

    def encode(self) -> bytes:
        """The member's bytes."""
        return records.encode(self)


def make(members: Mapping[str, bytes]) -> Manifest:
    """The manifest of these members."""
    return Manifest(FORMAT, tuple(_entry(name, members[name]) for name in sorted(members)))


def verify(data: bytes, members: Mapping[str, bytes]) -> BundleFalse | None:
    """Check every member against the manifest.

    Args:
        data: the manifest's bytes.
        members: all other members.

    Returns:
        A short digest that is wrong although digest and size are right. Either it lies, or the
        member was changed and the rest of its entry with it: the member's content decides, and
        whoever finds nothing wrong there raises this.

    Raises:
        BundleFalse: naming the member and the offset where it differs, or the manifest's field.
    """
    try:
        found = records.decode(Manifest, data, "document")
    except DecodeError as problem:
        raise BundleFalse(NAME, "document", "a manifest", f"none ({problem})") from problem
    if found.format != FORMAT:
        raise BundleFalse(NAME, "format", found.format, FORMAT)
    listed = [entry.name for entry in found.members]
    if listed != sorted(set(listed)):
        raise BundleFalse(NAME, "members", "names in their order", "a name twice or out of order")
    by_digest = {digest(content): name for name, content in members.items()}
    for entry in found.members:
        true = by_digest.get(entry.digest)
        if entry.name not in members and true is not None and true not in listed:
            raise BundleFalse(NAME, f"members, {entry.name}, name", entry.name, true)
    for name in sorted(set(listed) ^ members.keys()):
        if name in members:
            raise BundleFalse(
                name, "member", "to belong to the bundle", "a member that the manifest lacks"
            )
        raise BundleFalse(name, "member", "nothing", "the member that the manifest lists")
    doubts = [_compare(entry, members) for entry in found.members]
    return next((doubt for doubt in doubts if doubt), None)


def _compare(claimed: MemberEntry, members: Mapping[str, bytes]) -> BundleFalse | None:
    content = members[claimed.name]
    true = _entry(claimed.name, content)
    if claimed.digest != true.digest and claimed.chunks != true.chunks:
        raise BundleFalse(claimed.name, *_difference(claimed, members, true))
    # All else agrees with the content, so what does not is the manifest's own.
    for field in ("digest", "size"):
        said, follows = getattr(claimed, field), getattr(true, field)
        if said != follows:
            raise BundleFalse(NAME, f"members, {claimed.name}, {field}", told(said), told(follows))
    if claimed.chunks == true.chunks:
        return None
    where = f"members, {claimed.name}, chunks"
    return BundleFalse(
        NAME, where, "another list of parts", "the list of a member with this digest"
    )


def _difference(
    claimed: MemberEntry, members: Mapping[str, bytes], true: MemberEntry
) -> tuple[str, str, str]:
    """Position, what stands there and what follows, as exactly as the short digests tell."""
    name, content = claimed.name, members[claimed.name]
    pairs = zip(claimed.chunks, true.chunks, strict=False)
    fallback = min(len(claimed.chunks), len(true.chunks))
    index = next((i for i, (a, b) in enumerate(pairs) if a != b), fallback)
    start = index * CHUNK
    chunk = content[start : start + CHUNK]
    if claimed.size == true.size and index < fallback:
        found = _changed_byte(chunk, claimed.chunks[index])
        if found:
            within, value = found
            at = start + within
            mended = content[:at] + bytes([value]) + content[at + 1 :]
            position, what = place(name, mended, at), transaction_at(name, mended, at, members)
            position += f" ({what})" if what else ""
            return position, f"byte {content[at]:#04x}", f"byte {value:#04x}"
    first = f"{place(name, content, start)} or within {CHUNK} bytes after it"
    return (
        first,
        f"{true.size} bytes of digest {told(true.digest)}",
        f"{claimed.size} bytes of digest {told(claimed.digest)}",
    )


def _changed_byte(chunk: bytes, wanted: bytes) -> tuple[int, int] | None:
    """The one byte whose change gives a chunk of the wanted digest, if there is such a byte."""
    prefix = hashlib.sha256()
    for at in range(len(chunk)):
        rest = chunk[at + 1 :]
        for value in range(256):
            attempt = prefix.copy()
            attempt.update(bytes([value]) + rest)
            if attempt.digest()[:_CHUNK_DIGEST] == wanted:
                return at, value
        prefix.update(chunk[at : at + 1])
    return None


def _entry(name: str, content: bytes) -> MemberEntry:
    view = memoryview(content)
    chunks = (digest(view[at : at + CHUNK]) for at in range(0, len(content), CHUNK))
    return MemberEntry(
        name, digest(content), len(content), tuple(chunk[:_CHUNK_DIGEST] for chunk in chunks)
    )

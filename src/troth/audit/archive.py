"""The ZIP archive of a bundle: one set of members has exactly one archive, byte for byte.

Members are stored (never compressed), sorted by name, dated 1980-01-01, with the attributes that
Python's ``zipfile`` gives by default; there are no comments, extra fields, data descriptors or
64-bit records (PKWARE APPNOTE 6.3.10, sections 4.3.7, 4.3.12 and 4.3.16). Any ZIP tool can open it;
this reader takes nothing else, because general readers let about one in ten changed bits pass.
Nothing is ever inflated, so no archive can grow beyond the file that was read.
"""

import re
import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from troth.errors import InputError, NotABundle, ParameterError

MAX_ARCHIVE = 2**31
"""Bytes of the largest bundle that is read or written."""
MAX_MEMBERS = 2**16 - 2

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)*")
_LOCAL = struct.Struct("<4s5H3L2H")
_CENTRAL = struct.Struct("<4s2B5H3L5H2L")
_END = struct.Struct("<4s4H2LH")
_VERSION, _UNIX, _STORED, _NO_TIME, _DATE = 20, 3, 0, 0, 0x21
_MODE = 0o600 << 16


@dataclass(frozen=True)
class Archive:
    """The members of an archive, and those whose content its own checksums contradict."""

    members: Mapping[str, bytes]
    damaged: frozenset[str]


def write(members: Mapping[str, bytes]) -> bytes:
    """The one archive of these members.

    Raises:
        ParameterError: a name that a bundle cannot have, or more than an archive may hold.
    """
    if len(members) > MAX_MEMBERS:
        raise ParameterError(f"{len(members)} members; a bundle holds at most {MAX_MEMBERS}")
    for name in members:
        problem = _name_problem(name)
        if problem:
            raise ParameterError(f"{name!r}: {problem}")
    parts = []
    entries = []
    offset = 0
    for name in sorted(members):
        content = members[name]
        entry = (name, zlib.crc32(content), len(content), offset)
        entries.append(entry)
        local = _local(*entry[:3])
        parts += [local, content]
        offset += len(local) + len(content)
    parts.append(_directory(entries, offset))
    if offset + len(parts[-1]) > MAX_ARCHIVE:
        raise ParameterError(f"a bundle has at most {MAX_ARCHIVE} bytes")
    return b"".join(parts)


def read_file(path: Path) -> Archive:
    """Read the archive in a file.

    Raises:
        InputError: there is no such file, or it cannot be read.
        NotABundle: as `read`.
    """
    try:
        if not path.is_file():
            raise InputError(f"{path}: no such file; give the path of a bundle")
        size = path.stat().st_size
        if size > MAX_ARCHIVE:
            raise NotABundle(f"{path}: {size} bytes; a bundle has at most {MAX_ARCHIVE}")
        return read(path.read_bytes())
    except OSError as problem:
        raise InputError(f"{path}: cannot be read: {problem.strerror or problem}") from problem


def read(data: bytes) -> Archive:
    """Read an archive, which must be the one that its members give.

    A member whose content does not fit its two equal checksums is kept and named in ``damaged``:
    what lies there is the content, and the manifest says more about it.

    Raises:
        NotABundle: the first place where it is anything else.
    """
    if data[:4] not in (b"PK\x03\x04", b"PK\x05\x06"):
        raise NotABundle("not a bundle: the file does not start as a ZIP archive does")
    members: dict[str, bytes] = {}
    entries = []
    offset = 0
    while data[offset : offset + 4] == b"PK\x03\x04":
        name, claimed, content, end = _entry(data, offset)
        if name in members:
            raise NotABundle(f"offset {offset}: the name {name} stands twice")
        if members and name < next(reversed(members)):
            raise NotABundle(f"offset {offset}: {name} is not in the order of names")
        members[name] = content
        entries.append((name, claimed, len(content), offset))
        offset = end
    expected = _directory(entries, offset)
    if data[offset:] != expected:
        at = offset + _first_difference(data[offset:], expected)
        raise NotABundle(f"offset {at}: the archive's directory is not that of its members")
    damaged = (name for name, claimed, *_ in entries if zlib.crc32(members[name]) != claimed)
    return Archive(members, frozenset(damaged))


def _entry(data: bytes, offset: int) -> tuple[str, int, bytes, int]:
    """Name, checksum and content of the member at ``offset``, and where the next one starts."""
    start = offset + _LOCAL.size
    if start > len(data):
        raise NotABundle(f"offset {offset}: the archive ends inside a member's header")
    fields = _LOCAL.unpack_from(data, offset)
    method, checksum, stored, size, length = fields[3], *fields[6:10]
    if method != _STORED or stored != size:
        raise NotABundle(f"offset {offset}: a compressed member; a bundle stores them as they are")
    end = start + length + size
    if end > len(data):
        raise NotABundle(f"offset {offset}: a member of {size} bytes does not fit the archive")
    try:
        name = data[start : start + length].decode("ascii")
    except UnicodeDecodeError as problem:
        raise NotABundle(f"offset {start}: a name that is not ASCII") from problem
    problem_of_name = _name_problem(name)
    if problem_of_name:
        raise NotABundle(f"offset {start}: {name!r}: {problem_of_name}")
    expected = _local(name, checksum, size)
    found = data[offset : start + length]
    if found != expected:
        at = offset + _first_difference(found, expected)
        raise NotABundle(f"offset {at}: the header of {name} is not as a bundle's are")
    return name, checksum, data[start + length : end], end


def _name_problem(name: str) -> str | None:
    if name.startswith("/"):
        return "an absolute path"
    if ".." in name.split("/"):
        return "a path out of the archive"
    if len(name) > 255 or not _NAME.fullmatch(name):
        return "a name that no member of a bundle has"
    return None


def _local(name: str, checksum: int, size: int) -> bytes:
    encoded = name.encode("ascii")
    fixed = (_VERSION, 0, _STORED, _NO_TIME, _DATE, checksum, size, size, len(encoded), 0)
    return _LOCAL.pack(b"PK\x03\x04", *fixed) + encoded


def _directory(entries: list[tuple[str, int, int, int]], start: int) -> bytes:
    """The central directory and its end record."""
    parts = []
    for name, checksum, size, offset in entries:
        encoded = name.encode("ascii")
        made = (_VERSION, _UNIX, _VERSION, 0, _STORED, _NO_TIME, _DATE)
        sizes = (checksum, size, size, len(encoded))
        parts += [_CENTRAL.pack(b"PK\x01\x02", *made, *sizes, 0, 0, 0, 0, _MODE, offset), encoded]
    body = b"".join(parts)
    count = len(entries)
    return body + _END.pack(b"PK\x05\x06", 0, 0, count, count, len(body), start, 0)


def _first_difference(found: bytes, expected: bytes) -> int:
    pairs = zip(found, expected, strict=False)
    same = next((i for i, (a, b) in enumerate(pairs) if a != b), None)
    return min(len(found), len(expected)) if same is None else same

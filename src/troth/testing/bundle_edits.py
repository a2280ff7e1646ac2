"""Every way to change one thing in a bundle, so that tests can ask the audit to find and name it.

An edit changes one member and repairs the manifest, as somebody would who knows the format. The
audit must name that member. (`flips` changes single bytes of the archive and repairs nothing.)
"""

import json
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import rlp

from troth.audit import archive, manifest
from troth.audit.members import BLOBS, BLOCKS, TRANSACTIONS
from troth.domain import canonical
from troth.domain.hashing import digest

_WORD = 32
_MOST_WORDS = 128
"""Longer calldata is the code of a contract, of which every word is alike to an audit."""

Members = Mapping[str, bytes]
Path = tuple[str | int, ...]


@dataclass(frozen=True)
class Edit:
    """One changed thing."""

    member: str
    """The member that lies now, and that an audit must name."""
    what: str
    make: Callable[[], bytes | None] = field(repr=False)
    """Gives the member as it is now, None: it was left out. Most edits are only counted."""
    before: Members = field(repr=False)

    @property
    def content(self) -> bytes | None:
        """The member as it is now."""
        return self.make()

    @property
    def members(self) -> Members:
        """All members now, with the manifest repaired unless it is what was edited."""
        changed = dict(self.before)
        changed.pop(self.member, None)
        content = self.content
        if content is not None:
            changed[self.member] = content
        if self.member != manifest.NAME:
            changed.pop(manifest.NAME)
            changed[manifest.NAME] = manifest.make(changed).encode()
        return changed

    @property
    def data(self) -> bytes:
        """The edited bundle."""
        return archive.write(self.members)

    def __str__(self) -> str:
        return f"{self.member}: {self.what}"


def read_members(data: bytes) -> dict[str, bytes]:
    """All members of a bundle, the manifest included."""
    return dict(archive.read(data).members)


def all_edits(members: Members, *, every: int = 1, seed: int = 0) -> Iterator[Edit]:
    """Edits of all kinds; ``every`` keeps about one in so many of each kind of each member."""
    rng = random.Random(seed)
    kinds = (
        field_edits,
        rlp_edits,
        line_edits,
        member_edits,
        blob_edits,
        vector_edits,
        manifest_edits,
    )
    for kind in kinds:
        for made in kind(members):
            if rng.randrange(every) == 0:
                yield made


def field_edits(members: Members) -> Iterator[Edit]:
    """Every leaf of every JSON document, changed in each way that its type allows.

    Blobs are documents too: envelopes, noise lists, verifier files, opened shares.
    """
    for name, content in sorted(members.items()):
        if name == manifest.NAME or _is_vector(name, content):
            continue
        for at, line in _documents(name, content):
            document = json.loads(line)
            for path, value in _leaves(document):
                for what, changed in _changes(value):
                    make = partial(_replaced, name, content, at, document, path, changed)
                    yield Edit(name, f"{at}{_show(path)}: {what}", make, members)


def rlp_edits(members: Members) -> Iterator[Edit]:
    """Every item of every header, transaction and receipt, changed inside its RLP."""
    for name, fields in ((BLOCKS, ("header",)), (TRANSACTIONS, ("raw", "receipt"))):
        content = members[name]
        for at, line in _documents(name, content):
            document = json.loads(line)
            for key in fields:
                encoded = bytes.fromhex(document[key][2:])
                for what, changed in _rlp_changes(encoded):
                    leaf = "0x" + changed.hex()
                    make = partial(_replaced, name, content, at, document, (key,), leaf)
                    yield Edit(name, f"{at}.{key}{what}", make, members)


def line_edits(members: Members) -> Iterator[Edit]:
    """Every line dropped, doubled, or exchanged with the next one."""
    for name in (BLOCKS, TRANSACTIONS):
        lines = members[name].splitlines(keepends=True)
        for at in range(len(lines)):
            head, line, tail = lines[:at], lines[at], lines[at + 1 :]
            orders = {"dropped": [*head, *tail], "doubled": [*head, line, line, *tail]}
            if tail:
                orders["exchanged"] = [*head, tail[0], line, *tail[1:]]
            for what, order in orders.items():
                yield Edit(name, f"line {at + 1} {what}", partial(b"".join, order), members)


def member_edits(members: Members) -> Iterator[Edit]:
    """Every member left out, emptied, and one added that nothing names."""
    for name in sorted(members):
        if name != manifest.NAME:
            yield Edit(name, "left out", lambda: None, members)
            yield Edit(name, "emptied", bytes, members)
    stray = b"nothing on the ledger names this"
    yield Edit(BLOBS + digest(stray).hex(), "added", lambda: stray, members)
    yield Edit("notes.txt", "added", lambda: stray, members)


def blob_edits(members: Members) -> Iterator[Edit]:
    """Every blob with a changed bit at its start, middle and end, shorter, longer, or exchanged."""
    blobs = sorted(name for name in members if name.startswith(BLOBS))
    for name, other in zip(blobs, [*blobs[1:], blobs[0]], strict=True):
        content = members[name]
        for at in sorted({0, len(content) // 2, len(content) - 1}):
            yield Edit(name, f"bit of byte {at}", partial(_flip, content, at, 1), members)
        yield Edit(name, "cut", partial(content.removesuffix, content[-1:]), members)
        yield Edit(name, "longer", partial(content.__add__, b"\0"), members)
        yield Edit(name, f"served instead: {other}", partial(members.get, other), members)


def vector_edits(members: Members, element: int = 8) -> Iterator[Edit]:
    """Every entry of every published vector changed: sums, tags and models.

    Args:
        members: of a true bundle.
        element: bytes of an entry; of a field element and of a weight of a model.
    """
    for name, content in sorted(members.items()):
        if _is_vector(name, content):
            for at in range(0, len(content), element):
                make = partial(_flip, content, at, 1)
                yield Edit(name, f"entry {at // element}", make, members)


def _is_vector(name: str, content: bytes) -> bool:
    """Whether a blob is no document but the bare entries of a vector."""
    if not name.startswith(BLOBS):
        return False
    try:
        json.loads(content)
    except ValueError:
        return True
    return False


def manifest_edits(members: Members) -> Iterator[Edit]:
    """Every leaf of the manifest changed; nothing is repaired."""
    document = json.loads(members[manifest.NAME])
    for path, value in _leaves(document):
        for what, changed in _changes(value):
            make = partial(_replaced, manifest.NAME, b"", "", document, path, changed)
            yield Edit(manifest.NAME, f"{_show(path)}: {what}", make, members)


def flips(data: bytes, count: int, seed: int = 0) -> Iterator[tuple[int, bytes]]:
    """The archive with one changed bit, at ``count`` places drawn at random."""
    rng = random.Random(seed)
    for _ in range(count):
        at = rng.randrange(len(data))
        yield at, _flip(data, at, 1 << rng.randrange(8))


def _documents(name: str, content: bytes) -> Iterator[tuple[str, bytes]]:
    """The JSON documents of a member, each with its place: ``line N`` or nothing."""
    if not name.endswith(".jsonl"):
        yield "", content
        return
    for number, line in enumerate(content.splitlines(), start=1):
        yield f"line {number}", line


def _replaced(name: str, content: bytes, at: str, document: Any, path: Path, leaf: Any) -> bytes:
    """A member with one leaf of one of its documents replaced."""
    text = canonical.encode(_with(document, path, leaf))
    if not name.endswith(".jsonl"):
        return text
    lines = content.splitlines()
    lines[int(at.removeprefix("line ")) - 1] = text
    return b"".join(line + b"\n" for line in lines)


def _leaves(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _leaves(inner, (*path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _leaves(inner, (*path, index))
    else:
        yield path, value


def _with(value: Any, path: Path, leaf: Any) -> Any:
    """A copy of a JSON value with one leaf replaced."""
    if not path:
        return leaf
    step, rest = path[0], path[1:]
    if isinstance(value, dict):
        return {key: _with(v, rest, leaf) if key == step else v for key, v in value.items()}
    return [_with(v, rest, leaf) if index == step else v for index, v in enumerate(value)]


def _changes(value: Any) -> Iterator[tuple[str, Any]]:
    """Other values of a leaf, and how they came about."""
    if isinstance(value, bool):
        yield "negated", not value
    elif isinstance(value, int | float):
        yield "plus one", value + 1
        if value:
            yield "zero", 0
            yield "negative", -value
    elif isinstance(value, str) and value.startswith("0x"):
        digits = len(value) - 2
        for at in sorted({2, 2 + digits // 2, len(value) - 1}):
            if at < len(value):
                other = "0" if value[at] != "0" else "1"
                yield f"digit {at}", value[:at] + other + value[at + 1 :]
        yield "cut", value[:-2]
        yield "longer", value + "00"
        yield "upper case", "0x" + value[2:].upper() if value[2:].upper() != value[2:] else "0X"
    elif isinstance(value, str):
        yield "longer", value + "x"
        if value:
            yield "empty", ""
    yield "null", None


def _rlp_changes(encoded: bytes) -> Iterator[tuple[str, bytes]]:
    kind = encoded[:1] if encoded[0] < 0x80 else b""
    items: Any = rlp.decode(encoded[len(kind) :])
    if kind:
        yield "[type]", bytes([kind[0] ^ 1]) + rlp.encode(items)
    for path, item in _rlp_leaves(items):
        for what, changed in _item_changes(item):
            yield _show(path) + what, kind + rlp.encode(_with(items, path, changed))
    yield "[longer]", kind + rlp.encode([*items, b""])


def _item_changes(item: bytes) -> Iterator[tuple[str, bytes]]:
    """An item with its last bit changed; of calldata and logs one bit of every word."""
    if not item:
        yield "", b"\x01"
    elif _WORD < len(item) <= _MOST_WORDS * _WORD:
        yield " start", _flip(item, 0, 1)
        for at in range(_WORD - 1 + len(item) % _WORD, len(item), _WORD):
            yield f" word {at // _WORD}", _flip(item, at, 1)
    else:
        yield "", _flip(item, len(item) - 1, 1)


def _rlp_leaves(value: Any, path: Path = ()) -> Iterator[tuple[Path, bytes]]:
    if isinstance(value, bytes):
        yield path, value
        return
    for index, inner in enumerate(value):
        yield from _rlp_leaves(inner, (*path, index))


def _flip(data: bytes, at: int, mask: int) -> bytes:
    return data[:at] + bytes([data[at] ^ mask]) + data[at + 1 :]


def _show(path: Path) -> str:
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)

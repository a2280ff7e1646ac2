"""Compiled contracts: the artefacts that ``contracts/build.mjs`` writes and the wheel ships.

A library that contracts call is deployed beside them and has an artefact of its own. The code of
whoever calls it holds its address, and is complete only when it is *linked*.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from graphlib import TopologicalSorter
from importlib import resources
from typing import Any

from troth.errors import LedgerError, ParameterError
from troth.ledger.address import Address

_FOLDER = resources.files("troth.ledger") / "artifacts"
_KINDS = {"contract": False, "library": True}

Place = tuple[int, int]
"""Where something stands in code: offset and length."""
Links = Mapping[str, tuple[Place, ...]]
"""Where the addresses of libraries stand in code, by library."""


@dataclass(frozen=True)
class Artifact:
    """One compiled contract or library. What is filled in later is zero in its code."""

    name: str
    library: bool
    abi: tuple[dict[str, Any], ...]
    creation_code: bytes
    """What creates it, before the constructor's arguments."""
    links: Links
    """Of the creation code; empty once it is linked."""
    runtime_code: bytes
    runtime_links: Links
    """The same of the runtime code."""
    immutables: tuple[Place, ...]
    """Places of the runtime code that its creation fills."""
    digest: bytes
    """SHA-256 of the artefact's file."""

    @classmethod
    def parse(cls, text: bytes) -> "Artifact":
        """Read an artefact's file.

        Raises:
            ParameterError: if it is none.
        """
        try:
            value = json.loads(text)
            return cls(
                name=value["name"],
                library=_KINDS[value["kind"]],
                abi=tuple(value["abi"]),
                creation_code=bytes.fromhex(value["bytecode"].removeprefix("0x")),
                links=_links(value["links"]),
                runtime_code=bytes.fromhex(value["deployedBytecode"].removeprefix("0x")),
                runtime_links=_links(value["deployedLinks"]),
                immutables=_places(value["immutables"]),
                digest=hashlib.sha256(text).digest(),
            )
        except (ValueError, KeyError, TypeError, AttributeError) as problem:
            raise ParameterError(f"no artefact of a contract: {problem!r}") from problem

    def linked(self, addresses: Mapping[str, Address]) -> "Artifact":
        """The same with the addresses of the libraries that it calls.

        Args:
            addresses: by name, of these libraries at least.

        Raises:
            ParameterError: if one is missing.
        """
        missing = sorted(self._called() - addresses.keys())
        if missing:
            raise ParameterError(f"{self.name} calls {', '.join(missing)}, at no known address")
        return replace(
            self,
            creation_code=_filled(self.creation_code, self.links, addresses),
            links={},
            runtime_code=_filled(self.runtime_code, self.runtime_links, addresses),
            runtime_links={},
        )

    @property
    def init_code(self) -> bytes:
        """The creation code, complete.

        Raises:
            ParameterError: if it is not linked.
        """
        self._require_linked()
        return self.creation_code

    def creates(self, data: bytes) -> bool:
        """Whether a creation with this data is this contract's, whatever it is linked to."""
        places = [place for found in self.links.values() for place in found]
        return _masked(data[: len(self.creation_code)], places) == self.creation_code

    def verify_runtime(self, code: bytes) -> None:
        """Check that deployed code is this contract, whatever its immutable values.

        Raises:
            LedgerError: if it is not.
            ParameterError: if it is not linked.
        """
        self._require_linked()
        if _masked(code, self.immutables) != self.runtime_code:
            raise LedgerError(f"the code at this address is not the {self.name} that Troth ships")

    def _called(self) -> set[str]:
        return {*self.links, *self.runtime_links}

    def _require_linked(self) -> None:
        if called := sorted(self._called()):
            raise ParameterError(f"{self.name} is not linked to {', '.join(called)} yet")


def _places(value: Iterable[Iterable[int]]) -> tuple[Place, ...]:
    return tuple((start, length) for start, length in value)


def _links(value: Mapping[str, Iterable[Iterable[int]]]) -> Links:
    return {name: _places(found) for name, found in value.items()}


def _filled(code: bytes, links: Links, addresses: Mapping[str, Address]) -> bytes:
    filled = bytearray(code)
    for name, places in links.items():
        for start, length in places:
            filled[start : start + length] = addresses[name]
    return bytes(filled)


def _masked(code: bytes, places: Iterable[Place]) -> bytes:
    """The code with zeros in these places, of the same length."""
    masked = bytearray(code)
    for start, length in places:
        masked[start : start + length] = bytes(len(code[start : start + length]))
    return bytes(masked)


def load(name: str) -> Artifact:
    """The shipped artefact of this contract or library.

    Raises:
        ParameterError: if none of this name is shipped.
    """
    file = _FOLDER / f"{name}.json"
    if not file.is_file():
        raise ParameterError(f"no contract named {name} is shipped")
    return Artifact.parse(file.read_bytes())


def _shipped() -> tuple[Artifact, ...]:
    files = (entry.name for entry in _FOLDER.iterdir())
    return tuple(load(n.removesuffix(".json")) for n in sorted(files) if n.endswith(".json"))


def names() -> list[str]:
    """The shipped contracts, sorted."""
    return [artifact.name for artifact in _shipped() if not artifact.library]


@cache
def libraries() -> tuple[str, ...]:
    """The shipped libraries, each after those that it calls itself."""
    called = {a.name: sorted(a.links) for a in _shipped() if a.library}
    return tuple(TopologicalSorter(called).static_order())

"""Compiled contracts: the artefacts that ``contracts/build.mjs`` writes and the wheel ships."""

import hashlib
import json
from dataclasses import dataclass
from importlib import resources
from typing import Any

from troth.errors import LedgerError, ParameterError

_FOLDER = resources.files("troth.ledger") / "artifacts"


@dataclass(frozen=True)
class Artifact:
    """One compiled contract.

    ``immutables`` are the places (start, length) of the runtime code that the constructor fills;
    there the shipped code holds zeros. ``digest`` is the SHA-256 of the artefact's file.
    """

    name: str
    abi: tuple[dict[str, Any], ...]
    init_code: bytes
    runtime_code: bytes
    immutables: tuple[tuple[int, int], ...]
    digest: bytes

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
                abi=tuple(value["abi"]),
                init_code=bytes.fromhex(value["bytecode"].removeprefix("0x")),
                runtime_code=bytes.fromhex(value["deployedBytecode"].removeprefix("0x")),
                immutables=tuple((start, length) for start, length in value["immutables"]),
                digest=hashlib.sha256(text).digest(),
            )
        except (ValueError, KeyError, TypeError, AttributeError) as problem:
            raise ParameterError(f"no artefact of a contract: {problem!r}") from problem

    def verify_runtime(self, code: bytes) -> None:
        """Check that deployed code is this contract, whatever its immutable values.

        Raises:
            LedgerError: if it is not.
        """
        masked = bytearray(code)
        for start, length in self.immutables:
            masked[start : start + length] = bytes(length)
        if len(code) != len(self.runtime_code) or bytes(masked) != self.runtime_code:
            raise LedgerError(f"the code at this address is not the {self.name} that Troth ships")


def load(name: str) -> Artifact:
    """The shipped artefact of this contract.

    Raises:
        ParameterError: if none of this name is shipped.
    """
    file = _FOLDER / f"{name}.json"
    if not file.is_file():
        raise ParameterError(f"no contract named {name} is shipped")
    return Artifact.parse(file.read_bytes())


def names() -> list[str]:
    """The shipped contracts, sorted."""
    files = (entry.name for entry in _FOLDER.iterdir())
    return sorted(name.removesuffix(".json") for name in files if name.endswith(".json"))

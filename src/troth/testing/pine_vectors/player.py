"""Plays a vector: carries out its steps in order and compares everything that comes out."""

import struct
from collections.abc import Iterator, Mapping
from typing import Any

from troth.errors import TrothError
from troth.testing.pine_vectors.instance import Json
from troth.testing.pine_vectors.operations import (
    AUDIENCE,
    FAILURES,
    INPUTS,
    OUTPUTS,
    RESULTS,
    check_of,
    digest,
    perform,
)


class Mismatch(TrothError):  # noqa: N818 - named for what it is
    """A vector, a step of it, and what differs there."""

    def __init__(self, vector: str, where: str, problem: str) -> None:
        super().__init__(f"{vector}: {where}: {problem}")
        self.vector = vector
        self.where = where


def edited(data: bytes, edit: Mapping[str, Any]) -> bytes:
    """Bytes after an edit: some replaced, then cut to a length, then some appended."""
    changed = bytearray(data)
    for offset, text in edit.get("set", []):
        new = bytes.fromhex(text)
        changed[offset : offset + len(new)] = new
    return bytes(changed[: edit.get("cut", len(changed))]) + bytes.fromhex(edit.get("append", ""))


def expectation(steps: list[Json]) -> Json:
    """What a vector's steps say of it in one line: where it fails, by which check, for whom."""
    failing = [step for step in steps if not step["success"]]
    if not failing:
        return {"outcome": "accepted"}
    names = {(step["operation"], step["check"]) for step in failing}
    if len(names) > 1:
        raise ValueError(f"a vector fails in more than one way: {sorted(names)}")
    ((operation, check),) = names
    by: str | list[int]
    if all("aggregator_id" in step for step in failing):
        by = [step["aggregator_id"] for step in failing]
    else:
        by = AUDIENCE.get(operation, "everybody")
    return {"outcome": "refused", "step": operation, "check": check, "by": by}


def play(vector: Json, shared: Mapping[str, Any], options: Mapping[str, Any] | None = None) -> None:
    """Play one vector.

    Args:
        vector: The vector.
        shared: The values of its file.
        options: Further arguments of ``Pine`` that change no byte, such as ``kernels``.

    Raises:
        Mismatch: Something comes out that the vector does not say.
    """
    run = _Run(vector["id"], {**shared, **vector.get("values", {})})
    for index, step in enumerate(vector["operations"]):
        operation = step["operation"]
        where = f"step {index}, {operation}"
        inputs = {key: run.resolve(step[key]) for key in INPUTS[operation]}
        try:
            outputs = perform(vector.get("parameters"), step, inputs, options)
        except FAILURES as error:
            if step["success"] or step["check"] != check_of(error):
                problem = f"fails by {check_of(error)}: {error}"
                raise Mismatch(vector["id"], where, problem) from error
            continue
        if not step["success"]:
            raise Mismatch(vector["id"], where, f"succeeds, must fail by {step['check']}")
        for name, found in named_outputs(step, outputs):
            run.compare(where, name, found)
        if operation in RESULTS:
            key = RESULTS[operation]
            if result(operation, step[key], outputs[key]) != step[key]:
                raise Mismatch(vector["id"], where, f"{key} comes out as {outputs[key]}")
    if vector["expect"] != expectation(vector["operations"]):
        raise Mismatch(vector["id"], "expect", "is not what the steps say")


class _Run:
    """The values of one vector while it is played."""

    def __init__(self, vector: str, stored: Json) -> None:
        self.vector = vector
        self.stored = stored
        self.known: dict[str, bytes] = {}

    def resolve(self, value: str | list[str]) -> bytes | list[bytes]:
        """The bytes that a name stands for, or those of a list of names."""
        return (
            [self._bytes(name) for name in value] if isinstance(value, list) else self._bytes(value)
        )

    def compare(self, where: str, name: str, found: bytes) -> None:
        """Check what came out under a name, and keep it."""
        expected = self.stored[name]
        if isinstance(expected, dict) and "sha256" in expected:
            same = (expected["sha256"], expected["length"]) == (digest(found), len(found))
        else:
            same = self._bytes(name) == found
        if not same:
            raise Mismatch(self.vector, where, f"{name} comes out otherwise")
        self.known[name] = found

    def _bytes(self, name: str) -> bytes:
        if name in self.known:
            return self.known[name]
        stored = self.stored[name]
        if isinstance(stored, str):
            return bytes.fromhex(stored)
        if "sha256" in stored:
            raise Mismatch(
                self.vector, name, "is a digest and does not come out of an earlier step"
            )
        return edited(self._bytes(stored["of"]), stored)


def named_outputs(step: Json, outputs: Json) -> Iterator[tuple[str, bytes]]:
    """What came out of a step, under the names that the step gives."""
    for key in OUTPUTS.get(step["operation"], ()):
        names, found = step[key], outputs[key]
        if isinstance(found, list):
            yield from zip(names, found, strict=True)
        else:
            yield names, found


def result(operation: str, stored: Any, found: Any) -> Any:
    """A result as it is stored: itself, or the digest of its 8-byte little-endian entries."""
    if isinstance(stored, dict) and "sha256" in stored:
        integers = operation == "unshard_integers"
        packed = (
            struct.pack("<q", int(text)) if integers else struct.pack("<d", float(text))
            for text in found
        )
        return {"sha256": digest(b"".join(packed))}
    return found

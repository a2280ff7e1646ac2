"""A theme: a group of vectors in one file, with the values that they share."""

import json
from dataclasses import dataclass, field
from typing import Any

from troth.testing.pine_vectors.instance import Json
from troth.testing.pine_vectors.operations import INPUTS, OUTPUTS
from troth.testing.pine_vectors.recorder import Recorder

FORMAT = "pine-vectors-1"

VARIANTS = {
    "pine128": ("Pine128", 1),
    "pine64": ("Pine64", 2),
    "pine64-hmac": ("Pine64HmacSha256Aes128", 2),
    "pine32-hmac": ("Pine32HmacSha256Aes128", 5),
    "pine40-hmac": ("Pine40HmacSha256Aes128", 4),
}
"""The variants by the short names that ids use, and their default numbers of validity proofs."""


def parameters(variant: str, **chosen: Any) -> Json:
    """Parameters of a small instance, in full; what is not chosen costs little time."""
    name, proofs = VARIANTS[variant]
    complete: Json = {
        "variant": name,
        "shares": 2,
        "dimension": 4,
        "num_frac_bits": 4,
        "l2_norm_bound": "64",
        "chunk_length": 9,
        "chunk_length_norm_equality": 3,
        "num_wr_checks": 3,
        "num_wr_successes": 3,
        "proofs": proofs,
        "proofs_norm_equality": 1,
        "alpha": 8.7,
    }
    unknown = chosen.keys() - complete.keys()
    if unknown:
        raise ValueError(f"unknown parameters: {sorted(unknown)}")
    return complete | {key: str(v) if key == "l2_norm_bound" else v for key, v in chosen.items()}


@dataclass
class Theme:
    """Vectors under one heading."""

    name: str
    description: str
    vectors: list[Json] = field(default_factory=list)
    values: Json = field(default_factory=dict)
    shared: dict[str, bytes] = field(default_factory=dict)

    def add(self, recorder: Recorder) -> None:
        """Add a finished vector."""
        self.vectors.append(recorder.finish())

    def add_shared(self, recorder: Recorder, prefix: str) -> None:
        """Add a finished vector, and let all others of the file name its values by the prefix."""
        vector = recorder.finish()
        values = vector.pop("values")
        for name, stored in values.items():
            edit = isinstance(stored, dict) and "of" in stored
            self.values[prefix + name] = stored | {"of": prefix + stored["of"]} if edit else stored
            self.shared[prefix + name] = recorder.known[name]
        for step in vector["operations"]:
            operation = step["operation"]
            for key in (*INPUTS[operation], *OUTPUTS.get(operation, ())):
                if key in step:
                    step[key] = _prefixed(step[key], prefix)
        self.vectors.append(vector)

    def render(self) -> str:
        """The file: JSON with one value, one step or one small object per line."""
        head: Json = {
            "format": FORMAT,
            "theme": self.name,
            "description": self.description,
        }
        lines = ["{"]
        lines += [f"  {_inline(key)}: {_inline(value)}," for key, value in head.items()]
        lines += [f'  "values": {_object(self.values, 2)},', '  "vectors": [']
        lines += [",\n".join(_vector(vector) for vector in self.vectors), "  ]", "}"]
        return "\n".join(lines) + "\n"


def _prefixed(names: str | list[str], prefix: str) -> str | list[str]:
    return [prefix + name for name in names] if isinstance(names, list) else prefix + names


def _inline(value: Any) -> str:
    return json.dumps(value, ensure_ascii=True)


def _object(entries: Json, indent: int) -> str:
    if not entries:
        return "{}"
    pad = " " * indent
    inner = ",\n".join(f"{pad}  {_inline(key)}: {_inline(v)}" for key, v in entries.items())
    return "{\n" + inner + "\n" + pad + "}"


def _vector(vector: Json) -> str:
    lines = []
    for key, value in vector.items():
        if key == "values":
            text = _object(value, 6)
        elif key == "operations":
            text = "[\n" + ",\n".join(f"        {_inline(step)}" for step in value) + "\n      ]"
        else:
            text = _inline(value)
        lines.append(f"      {_inline(key)}: {text}")
    return "    {\n" + ",\n".join(lines) + "\n    }"

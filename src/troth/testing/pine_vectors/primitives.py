"""What PINE is made of: extendable-output functions, fields, and what follows from parameters."""

from collections.abc import Iterator

from troth.testing.pine_vectors.instance import Json
from troth.testing.pine_vectors.numbers import largest_bound
from troth.testing.pine_vectors.operations import FIELDS, XOFS
from troth.testing.pine_vectors.recorder import Recorder, deterministic_bytes
from troth.testing.pine_vectors.reports import WITH_ALPHA, WITH_PROOFS
from troth.testing.pine_vectors.theme import VARIANTS, Theme, parameters


def xofs() -> Theme:
    """Streams of bytes and of elements."""
    theme = Theme(
        "xofs",
        "The two extendable-output functions: lengths around their block sizes, tags of 0 to 255 "
        "bytes, elements of every field, also where candidates are rejected. A counter that wraps "
        "modulo 2^64 is not among them: it comes out of HMAC, and no search can reach it.",
    )
    for name, xof in XOFS.items():
        short = "turboshake" if "Shake" in name else "hmac-aes"
        for tag, binder, length in _lengths():
            vector = Recorder(
                f"xof-{short}-tag-{tag}-binder-{binder}-length-{length}",
                None,
                f"tag of {tag} bytes, binder of {binder}, {length} bytes read",
                longest=400,
            )
            _seeded(vector, xof.SEED_SIZE, tag, binder)
            vector.step("xof", xof=name, length=length, **_NAMES, output="output")
            theme.add(vector)
        for size, tag in ((0, 7), (xof.SEED_SIZE - 1, 7), (xof.SEED_SIZE + 1, 7), (None, 256)):
            seed = xof.SEED_SIZE if size is None else size
            comment = f"a seed of {seed} bytes, a tag of {tag}"
            vector = Recorder(f"xof-{short}-seed-{seed}-tag-{tag}-refused", None, comment)
            _seeded(vector, seed, tag, 3)
            vector.step("xof", check="parameter", xof=name, length=16, **_NAMES)
            theme.add(vector)
        for field in FIELDS.values():
            for length in (0, 1, 2, 7, 8, 50, 9000):
                comment = f"{length} elements of {field.name}"
                identifier = f"xof-{short}-{field.name.lower()}-{length:04}"
                vector = Recorder(identifier, None, comment, longest=400)
                _seeded(vector, xof.SEED_SIZE, 7, 5)
                _read_elements(vector, name, field.name, length)
                theme.add(vector)
        for (named, field_name), numbers in _REJECTING.items():
            for position, number in numbers.items() if named == name else ():
                theme.add(_rejecting(name, short, field_name, position, number))
    return theme


_NAMES = {"seed": "seed", "dst": "dst", "binder": "binder"}


def _lengths() -> Iterator[tuple[int, int, int]]:
    yield from ((7, 0, length) for length in (0, 1, 15, 16, 17, 31, 32, 33, 64))
    yield from ((7, 3, length) for length in (167, 168, 169, 335, 336, 337, 5000))
    # The message of TurboSHAKE is one length byte, tag, seed of 16 and binder: around one block.
    yield from ((7, binder, 48) for binder in (1, 142, 143, 144, 145, 310, 311, 312, 1000))
    yield from ((tag, 10, 48) for tag in (0, 1, 8, 63, 64, 127, 128, 254, 255))


def _seeded(vector: Recorder, seed: int, tag: int, binder: int, attempt: str = "") -> None:
    for name, size in (("seed", seed), ("dst", tag), ("binder", binder)):
        vector.given(name, deterministic_bytes(f"{vector.name} {name}{attempt}", size))


def _read_elements(vector: Recorder, xof: str, field: str, length: int) -> None:
    vector.step("xof_vec", xof=xof, field=field, length=length, **_NAMES, output="output")


_REJECTING = {
    ("XofTurboShake128", "Field32"): {0: 2598, 1: 2965, 2: 2544},
    ("XofTurboShake128", "Field40"): {0: 96_938, 3: 40_359},
    ("XofHmacSha256Aes128", "Field32"): {0: 101, 1: 1036, 2: 6480},
    ("XofHmacSha256Aes128", "Field40"): {0: 10_031, 3: 53_362},
}
"""By position of a candidate that is rejected: the first seed, by number, under which it is."""


def _rejecting(xof: str, short: str, field_name: str, position: int, number: int) -> Recorder:
    """A stream whose candidate at a position is not below the modulus."""
    field, kind = FIELDS[field_name], XOFS[xof]
    name = f"xof-{short}-{field_name.lower()}-rejects-{position}"
    vector = Recorder(name, None, f"candidate {position} is skipped: it is not below the modulus")
    seed = deterministic_bytes(f"{name} {number}", kind.SEED_SIZE)
    dst = deterministic_bytes(f"{name} dst", 7)
    for key, data in (("seed", seed), ("dst", dst), ("binder", b"")):
        vector.given(key, data)
    candidate = kind(seed, dst, b"").next((position + 1) * field.encoded_size)
    if int.from_bytes(candidate[-field.encoded_size :], "little") < field.modulus:
        raise ValueError(f"{name}: nothing is rejected")
    _read_elements(vector, xof, field_name, position + 2)
    return vector


def fields() -> Theme:
    """Encoding and decoding of elements."""
    theme = Theme(
        "fields",
        "Vectors of elements as bytes: fixed size, little-endian; the modulus and above, and "
        "lengths that are no whole number of elements, are refused.",
    )
    for name, field in FIELDS.items():
        q, size = field.modulus, field.encoded_size
        short = name.lower()
        for label, elements in (
            ("none", []),
            ("zero", [0]),
            ("one", [1]),
            ("largest", [q - 1]),
            ("halves", [q // 2, q // 2 + 1]),
            ("byte-order", [1, 256, 65536, 1 << (8 * size - 9)]),
            ("mixed", [0, q - 1, 0, 1, q - 2]),
        ):
            encode = Recorder(f"{short}-{label}", None, f"{label}: encoded, and decoded again")
            listed = [str(element) for element in elements]
            encode.step("field_encode", field=name, elements=listed, data="data")
            encode.step("field_decode", field=name, data="data")
            theme.add(encode)
        for label, elements in (
            ("modulus", [q]),
            ("modulus-last", [0, 1, q]),
            ("above", [q + 1, 0]),
            ("two-to-the-bits", [1 << (8 * size)]),
            ("negative", [-1]),
        ):
            encode = Recorder(f"{short}-{label}-not-encoded", None, "not an element")
            listed = [str(element) for element in elements]
            encode.step("field_encode", check="encoding", field=name, elements=listed)
            theme.add(encode)
        for label, data in _undecodable(q, size):
            decode = Recorder(f"{short}-{label}-not-decoded", None, label.replace("-", " "))
            decode.given("data", data)
            decode.step("field_decode", check="decode", field=name, data="data")
            theme.add(decode)
    return theme


def _undecodable(q: int, size: int) -> Iterator[tuple[str, bytes]]:
    modulus = q.to_bytes(size, "little")
    yield "modulus", modulus
    yield "modulus-first", modulus + bytes(size)
    yield "modulus-last", bytes(3 * size) + modulus
    yield "above-modulus", (q + 1).to_bytes(size, "little")
    yield "all-ones", b"\xff" * size
    yield "one-byte-short", bytes(size - 1)
    yield "one-byte-long", bytes(size + 1)
    yield "one-byte", b"\x00"
    yield "two-elements-and-a-half", bytes(2 * size + size // 2)


def instances() -> Theme:
    """What follows from parameters, and which are refused."""
    theme = Theme(
        "parameters",
        "Bounds, lengths and sizes that follow from parameters, and parameters that are refused.",
    )
    for variant in VARIANTS:
        for name, changed in _accepted(variant):
            chosen = parameters(variant, **changed)
            vector = Recorder(f"parameters-{name}-{variant}", chosen, name.replace("-", " "))
            vector.step("parameters")
            theme.add(vector)
        for name, changed in _refused(variant):
            chosen = parameters(variant, **changed)
            comment = name.replace("-", " ")
            vector = Recorder(f"refused-parameters-{name}-{variant}", chosen, comment)
            vector.step("parameters", check="parameter")
            theme.add(vector)
    unknown = parameters("pine64") | {"variant": "Pine256"}
    vector = Recorder("refused-parameters-unknown-variant", unknown, "no such variant")
    vector.step("parameters", check="parameter")
    theme.add(vector)
    return theme


def _accepted(variant: str) -> Iterator[tuple[str, Json]]:
    most = largest_bound(variant)
    for bound in (1, 2, 7, 8, 117, 118, 128, 1000, 32768, most):
        yield f"bound-{bound}", {"l2_norm_bound": bound}
    for shares, dimension in ((2, 1), (3, 1000), (5, 10**6), (255, 7)):
        yield f"shares-{shares}-dimension-{dimension}", {"shares": shares, "dimension": dimension}
    for chunk, norm_chunk in ((1, 1), (13, 100), (150, 4), (1000, 1000)):
        changed = {"chunk_length": chunk, "chunk_length_norm_equality": norm_chunk}
        yield f"chunks-{chunk}-{norm_chunk}", changed | {"dimension": 50}
    for checks, successes in ((1, 1), (100, 100), (100, 1), (1000, 999)):
        changed = {"num_wr_checks": checks, "num_wr_successes": successes}
        yield f"checks-{checks}-successes-{successes}", changed
    if variant in WITH_PROOFS:
        for main, norm in ((1, 1), (255, 255), (2, 3)):
            yield f"proofs-{main}-{norm}", {"proofs": main, "proofs_norm_equality": norm}
    else:
        for alpha in (0.001, 0.5, 1.0, 7.984375, 7.99, 63.984375, 1000.0):
            yield f"alpha-{alpha}", {"alpha": alpha}


def _refused(variant: str) -> Iterator[tuple[str, Json]]:
    yield "bound-0", {"l2_norm_bound": 0}
    yield "bound-negative", {"l2_norm_bound": -5}
    yield "bound-too-large", {"l2_norm_bound": largest_bound(variant) + 1}
    yield "bound-far-too-large", {"l2_norm_bound": 2**100}
    for name in ("shares", "dimension", "chunk_length", "chunk_length_norm_equality"):
        yield f"{name.replace('_', '-')}-0", {name: 0}
    yield "shares-1", {"shares": 1}
    yield "shares-256", {"shares": 256}
    yield "dimension-negative", {"dimension": -1}
    yield "frac-bits-negative", {"num_frac_bits": -1}
    yield "frac-bits-128", {"num_frac_bits": 128}
    yield "checks-0", {"num_wr_checks": 0, "num_wr_successes": 0}
    yield "successes-0", {"num_wr_successes": 0}
    yield "successes-over-checks", {"num_wr_successes": 4}
    yield "alpha-0", {"alpha": 0.0}
    yield "alpha-negative", {"alpha": -8.7}
    if variant in WITH_PROOFS:
        yield "alpha-chosen", {"alpha": 9.0}
        for name in ("proofs", "proofs_norm_equality"):
            yield f"{name.replace('_', '-')}-0", {name: 0}
            yield f"{name.replace('_', '-')}-256", {name: 256}
    if variant in WITH_ALPHA:
        yield "proofs-chosen", {"proofs": 3}
        yield "proofs-norm-equality-chosen", {"proofs_norm_equality": 2}
        yield "alpha-too-large", {"alpha": 2.0**70}
    if variant in {"pine32-hmac", "pine40-hmac"}:
        many = {"dimension": 2**20, "chunk_length_norm_equality": 1}
        yield "too-many-gadget-calls", many

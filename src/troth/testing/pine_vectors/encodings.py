"""Bytes that are, and that are not, the encoding of a message."""

from collections.abc import Iterator

from troth.testing.pine_vectors.bases import Base, add_base, regions
from troth.testing.pine_vectors.instance import Json, instance
from troth.testing.pine_vectors.theme import VARIANTS, Theme

SEEDS_ONLY = {"public_share", "verifier_message", "input_share_1"}
"""Messages without elements: any bytes of their length are one."""


def encodings() -> Theme:
    """Every message, honest, cut, extended, and with elements that are none."""
    theme = Theme(
        "encodings",
        "Every message in its one encoding, and cut, extended, or with elements not below the "
        "modulus (decode): none of those may be read.",
    )
    for variant in VARIANTS:
        base = add_base(theme, variant)
        for value, comment, edit, accepted in _edits(base):
            message, _, agg_id = value.rpartition("_") if value[-1].isdigit() else (value, "", "")
            vector = base.recorder(
                f"{value.replace('_', '-')}-{comment}", comment.replace("-", " ")
            )
            data = vector.edit("data", base.named(value), **edit)
            step: Json = {"message": message, "data": data}
            if message == "input_share":
                step["aggregator_id"] = int(agg_id)
            vector.step("decode", check=None if accepted else "decode", **step)
            theme.add(vector)
        _add_wrong_holders(base)
    return theme


def _edits(base: Base) -> Iterator[tuple[str, str, Json, bool]]:
    pine = instance(base.chosen)
    size, q = pine.field.encoded_size, pine.field.modulus
    elements = {
        "input_share_0": pine.measurement_len + pine.proofs_len,
        "verifier_share_0": pine.verifiers_len,
        "verifier_state_0": pine.dimension,
        "out_share_0": pine.dimension,
        "agg_share_0": pine.dimension,
    }
    for value in (*sorted(SEEDS_ONLY), *elements):
        length = len(base.data(value))
        yield value, "as-it-is", {}, True
        yield value, "empty", {"cut": 0}, False
        yield value, "one-byte-short", {"cut": length - 1}, False
        yield value, "one-byte-long", {"append": "00"}, False
        yield value, "one-seed-long", {"append": "00" * pine.seed_size}, False
        if length > pine.seed_size:
            yield value, "one-seed-short", {"cut": length - pine.seed_size}, False
        if value in SEEDS_ONLY:
            yield value, "all-ones", {"set": [[0, "ff" * length]]}, True
            continue
        count = elements[value]
        for place, position in _positions(base, value, count):
            offset = position * size
            for kind, element in (("modulus", q), ("largest-bytes", 256**size - 1)):
                text = element.to_bytes(size, "little").hex()
                yield value, f"{kind}-{place}", {"set": [[offset, text]]}, False
        largest = (q - 1).to_bytes(size, "little").hex()
        yield value, "largest-elements", {"set": [[0, largest * min(count, 20)]]}, True
        yield value, "one-element-short", {"cut": length - size}, False
        yield value, "one-element-long", {"append": "00" * size}, False


def _positions(base: Base, value: str, count: int) -> Iterator[tuple[str, int]]:
    yield "first", 0
    yield "last", count - 1
    if value == "input_share_0":
        for region in ("norm", "check-0", "success-1", "norm-proof-0-gadget", "proof-0-seeds"):
            yield f"in-{region}", regions(base.chosen)[region][0]


def _add_wrong_holders(base: Base) -> None:
    """A share that reaches the wrong aggregator: the Leader's is a Helper's to none."""
    for agg_id, value in ((1, "input_share_0"), (0, "input_share_1")):
        vector = base.recorder(f"input-share-of-other-kind-at-{agg_id}", f"{value} at {agg_id}")
        data = base.named(value)
        vector.step(
            "decode", check="decode", message="input_share", aggregator_id=agg_id, data=data
        )
        base.theme.add(vector)
    vector = base.recorder("leader-and-helper-swapped", "the input shares of both are swapped")
    for agg_id in (0, 1):
        vector.step(
            "verify_init",
            check="decode",
            aggregator_id=agg_id,
            verify_key=base.named("verify_key"),
            nonce=base.named("nonce"),
            public_share=base.named("public_share"),
            input_share=base.named(f"input_share_{1 - agg_id}"),
        )
    base.theme.add(vector)
    for count, listed in ((1, [0]), (3, [0, 1, 1])):
        vector = base.recorder(f"verifier-shares-{count}", f"{count} verifier shares instead of 2")
        names = [base.named(f"verifier_share_{agg_id}") for agg_id in listed]
        vector.step("verifier_shares_to_message", check="parameter", verifier_shares=names)
        base.theme.add(vector)
        vector = base.recorder(f"aggregate-shares-{count}", f"{count} aggregate shares of 2")
        names = [base.named(f"agg_share_{agg_id}") for agg_id in listed]
        vector.step("unshard", check="parameter", agg_shares=names, num_measurements=1)
        base.theme.add(vector)
    pine = instance(base.chosen)
    most = pine.field.modulus // 2 // pine.parameters.l2_norm_bound
    for name, number in (("negative", -1), ("too-many", most + 1)):
        if number > 2**53:
            continue  # more than JSON's numbers carry
        vector = base.recorder(f"measurements-{name}", f"a sum of {number} reports")
        names = [base.named(f"agg_share_{agg_id}") for agg_id in (0, 1)]
        vector.step("unshard", check="parameter", agg_shares=names, num_measurements=number)
        base.theme.add(vector)

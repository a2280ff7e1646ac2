"""The honest reports that negative vectors bend, and where in their messages everything lies."""

from dataclasses import dataclass

from troth.testing.pine_vectors.instance import Json, instance
from troth.testing.pine_vectors.recorder import Recorder
from troth.testing.pine_vectors.reports import decimals
from troth.testing.pine_vectors.theme import Theme, parameters


@dataclass(frozen=True)
class Base:
    """An honest report of a theme, whose values all vectors of its file may name.

    Attributes:
        theme: The theme that holds it.
        name: Its name, which ids end in.
        prefix: What the names of its values begin with.
        chosen: Its parameters.
    """

    theme: Theme
    name: str
    prefix: str
    chosen: Json

    def recorder(self, name: str, comment: str) -> Recorder:
        """A vector that bends the report; what comes out of its steps is kept as digests."""
        identifier = f"{name}-{self.name}"
        return Recorder(identifier, self.chosen, comment, shared=self.theme.shared, longest=0)

    def named(self, value: str) -> str:
        """The full name of one of the report's values."""
        return self.prefix + value

    def data(self, value: str) -> bytes:
        """The bytes of one of the report's values."""
        return self.theme.shared[self.prefix + value]

    def bumped(self, value: str, position: int, by: int = 1) -> Json:
        """The edit that adds to one element of a value that begins with elements."""
        field = instance(self.chosen).field
        size = field.encoded_size
        data = self.data(value)[position * size : (position + 1) * size]
        element = (int.from_bytes(data, "little") + by) % field.modulus
        return {"set": [[position * size, element.to_bytes(size, "little").hex()]]}

    def flipped(self, value: str, offset: int) -> Json:
        """The edit that flips the lowest bit of one byte of a value."""
        offset %= len(self.data(value))
        return {"set": [[offset, bytes([self.data(value)[offset] ^ 1]).hex()]]}


def add_base(theme: Theme, variant: str, *, shares: int = 2, suffix: str = "") -> Base:
    """Add an honest report to a theme, itself a vector that is accepted."""
    chosen = parameters(variant, shares=shares, dimension=3, num_wr_checks=2, num_wr_successes=2)
    name = f"{shares}-shares-{variant}{suffix}"
    vector = Recorder(
        f"honest-{theme.name}-{name}",
        chosen,
        "the honest report that the vectors after it bend",
        longest=1 << 20,
        keep_states=True,
    )
    vector.shard(decimals([5, -7, 40]))
    vector.verify_key()
    vector.verify()
    vector.sum_up()
    prefix = f"{name}/"
    theme.add_shared(vector, prefix)
    return Base(theme, name, prefix, chosen)


def regions(chosen: Json) -> dict[str, tuple[int, int]]:
    """Where the parts of a Leader's measurement and proofs share lie: first element, length."""
    pine = instance(chosen)
    bits, check = pine.num_bits_for_sq_norm, pine.num_bits_for_wr_check + 1
    lengths: list[tuple[str, int]] = [
        ("gradient", pine.dimension),
        ("norm", bits),
        ("rest", bits),
    ]
    for index in range(chosen["num_wr_checks"]):
        lengths += [(f"check-{index}", check - 1), (f"success-{index}", 1)]
    for index in range(chosen["proofs_norm_equality"]):
        arity = chosen["chunk_length_norm_equality"]
        lengths += [
            (f"norm-proof-{index}-seeds", arity),
            (f"norm-proof-{index}-gadget", pine.proof_len_norm_equality - arity),
        ]
    for index in range(chosen["proofs"]):
        arity = 2 * chosen["chunk_length"]
        lengths += [
            (f"proof-{index}-seeds", arity),
            (f"proof-{index}-gadget", pine.proof_len - arity),
        ]
    found, start = {}, 0
    for name, length in lengths:
        found[name] = (start, length)
        start += length
    return found


def verifier_regions(chosen: Json) -> dict[str, int]:
    """Elements of a verifier share by name: per proof output, some wires, gadget value."""
    found, start = {}, 0
    for kind, count, arity in (
        ("norm-verifier", chosen["proofs_norm_equality"], chosen["chunk_length_norm_equality"]),
        ("verifier", chosen["proofs"], 2 * chosen["chunk_length"]),
    ):
        for index in range(count):
            name = f"{kind}-{index}"
            found[f"{name}-output"] = start
            found[f"{name}-first-wire"] = start + 1
            found[f"{name}-last-wire"] = start + arity
            found[f"{name}-gadget"] = start + arity + 1
            start += arity + 2
    return found

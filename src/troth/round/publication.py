"""What a member publishes: its sum A_j, the sum of its masks R_j, a tag of every report in S.

Bare field elements one after the other, because A_j is as long as the model: d elements, then κ,
then κ for each place of S in order.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from troth.errors import DecodeError
from troth.privacy.secagg.field import Elements
from troth.privacy.secagg.outputs import AggregateShare, OutputShare
from troth.privacy.secagg.tags import tag, weighted
from troth.round.study import Study
from troth.round.transcript import bits


@dataclass(frozen=True)
class Sums:
    """A member's two sums over the accepted set; bound by digest before ρ is known."""

    share: AggregateShare
    """A_j, shape (d,)."""
    mask: Elements
    """R_j, shape (κ,)."""

    def encode(self) -> bytes:
        """What a sum digest is over."""
        return self.share.encode() + self.share.field.encode_vec(self.mask)


@dataclass(frozen=True)
class Publication:
    """A member's sums and tags."""

    sums: Sums
    tags: Mapping[int, Elements]
    """By place, shape (κ,) each."""

    def encode(self) -> bytes:
        """The blob whose digest is posted."""
        field = self.sums.share.field
        return self.sums.encode() + b"".join(
            field.encode_vec(value) for _, value in sorted(self.tags.items())
        )


def sum_up(
    study: Study, accepted: int, outputs: Mapping[int, OutputShare], masks: Mapping[int, Elements]
) -> Sums:
    """A member's sums over the accepted set, with the public weights.

    Args:
        study: the study.
        accepted: S.
        outputs: the member's output share of each accepted place.
        masks: its mask of each accepted place.
    """
    total = study.site_pine.agg_init()
    for place in bits(accepted):
        total = study.site_pine.agg_update(total, outputs[place], study.weight(place))
    weights = {place: study.weight(place) for place in bits(accepted)}
    return Sums(total, weighted(study.field, {place: masks[place] for place in weights}, weights))


def tag_all(
    study: Study,
    rho: Elements,
    outputs: Mapping[int, OutputShare],
    masks: Mapping[int, Elements],
) -> dict[int, Elements]:
    """A member's tag of each report it has an output share of, under the round's one ρ."""
    return {
        place: tag(study.field, rho, output.values, masks[place])
        for place, output in outputs.items()
    }


def publication_size(study: Study, accepted: int) -> int:
    """Bytes of every member's publication."""
    return study.site_pine.output_share_size + study.tag_size * (1 + accepted.bit_count())


def decode_publication(study: Study, accepted: int, data: bytes) -> Publication:
    """Read a member's publication.

    Raises:
        DecodeError: another length, or an element that is not below the modulus.
    """
    if len(data) != publication_size(study, accepted):
        raise DecodeError(
            f"publication: {len(data)} bytes, not {publication_size(study, accepted)}"
        )
    end, step = study.site_pine.output_share_size, study.tag_size
    tail = [study.field.decode_vec(data[at : at + step]) for at in range(end, len(data), step)]
    share = study.site_pine.decode_aggregate_share(data[:end])
    return Publication(Sums(share, tail[0]), dict(zip(bits(accepted), tail[1:], strict=True)))

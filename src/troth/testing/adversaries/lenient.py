"""Honest software with one check left out, to show what that check is for.

Each is passed in as an argument where the real one goes: a study whose PINE instance lets something
through, or a role that skips a comparison. None of it is reachable from production code.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import Any, TypeVar

from troth.privacy.secagg.messages import (
    InputShare,
    PublicShare,
    VerifierMessage,
    VerifierShare,
    VerifierState,
)
from troth.privacy.secagg.outputs import OutputShare
from troth.privacy.secagg.pine import Pine
from troth.roles.following import Examine
from troth.round.candidate import candidate
from troth.round.faults import Examined, Tagged, examine
from troth.round.openings import ProvenFault
from troth.round.publication import Publication, decode_publication
from troth.round.published import PublishedRound
from troth.round.replicated import agreed_sums, recovered_noise
from troth.round.study import Study
from troth.round.transcript import Reporter, sum_digest
from troth.round.transitions import Fault

P = TypeVar("P", bound=Pine)


class UnprovenPine(Pine):
    """Does not look at proofs: every report that decodes is fine."""

    def verifier_shares_to_message(
        self, verifier_shares: Sequence[VerifierShare]
    ) -> VerifierMessage:
        """The message, whatever the proofs say."""
        return VerifierMessage(
            self.derive.wraparound_seed(share.wraparound_part for share in verifier_shares),
            self.derive.verification_seed(share.verification_part for share in verifier_shares),
        )

    def check_joint_randomness(
        self,
        public_share: PublicShare,
        verifier_shares: Sequence[VerifierShare],
        message: VerifierMessage,
    ) -> None:
        """Not looked at."""

    def verify_next(self, state: VerifierState, message: VerifierMessage) -> OutputShare:  # noqa: ARG002 - the real one's arguments
        """The share, whatever the message."""
        return state.out_share


class NonceOfChoice(Pine):
    """Believes the reporter when it says which nonce a report was made with."""

    said: bytes

    def verify_init(
        self,
        verify_key: bytes,
        agg_id: int,
        nonce: bytes,  # noqa: ARG002 - the derived one, which is the check that is left out
        public_share: PublicShare,
        input_share: InputShare,
    ) -> tuple[VerifierState, VerifierShare]:
        """Begin to verify under the nonce that the reporter says."""
        return super().verify_init(verify_key, agg_id, self.said, public_share, input_share)


class LaxDecoder(Pine):
    """Takes what other decoders would: elements above the modulus, and bytes after the message."""

    def decode_input_share(self, agg_id: int, data: bytes) -> InputShare:
        """The share behind the bytes that are needed, every element reduced."""
        size = self.field.encoded_size
        body = bytearray(data[: self.input_share_size(agg_id)])
        if agg_id == 0:
            for at in range(0, (self.measurement_len + self.proofs_len) * size, size):
                element = int.from_bytes(body[at : at + size], "little") % self.field.modulus
                body[at : at + size] = element.to_bytes(size, "little")
        return super().decode_input_share(agg_id, bytes(body))


def relaxed(pine: Pine, kind: type[P]) -> P:
    """The same PINE instance as an object of a more lenient class."""
    lenient = kind.__new__(kind)
    vars(lenient).update(vars(pine))
    return lenient


@dataclass(frozen=True)
class LenientStudy(Study):
    """A study as members see it who treat some reports leniently."""

    places: tuple[int, ...] = ()
    """Where `relax`, `sizes` and `longer` hold."""
    relax: Callable[[Pine], Pine] = lambda pine: pine
    sizes: Mapping[int, int] = field(default_factory=dict, hash=False)
    """Sizes of sealed shares that are believed, by share."""
    longer: Mapping[int, int] = field(default_factory=dict, hash=False)
    """Bytes that extended shares may be too long, by share."""
    believed: Mapping[int, int] = field(default_factory=dict, hash=False)
    """Places at which another one's report is taken, too."""

    def pine(self, place: int) -> Pine:
        """The instance of a place; a lenient one at `places`."""
        pine = super().pine(place)
        return self.relax(pine) if place in self.places else pine

    def extended_size(self, place: int, share: int) -> int:
        """The size that is expected of an extended share."""
        more = self.longer.get(share, 0) if place in self.places else 0
        return super().extended_size(place, share) + more

    def share_size(self, place: int, share: int) -> int:
        """The size that is believed."""
        believed = self.sizes.get(share) if place in self.places else None
        return believed or super().share_size(place, share)

    @cached_property
    def reporters(self) -> tuple[Reporter, ...]:
        """Who is believed to report at each place."""
        listed = list(super().reporters)
        for place, taken in self.believed.items():
            listed[place] = listed[taken]
        return tuple(listed)

    def shares_of(self, place: int, member: int) -> tuple[int, ...]:
        """The shares that a member holds of what is taken at a place."""
        return super().shares_of(self.believed.get(place, place), member)

    def holders(self, place: int, share: int) -> tuple[int, ...]:
        """Who holds a share of what is taken at a place."""
        return super().holders(self.believed.get(place, place), share)


def lenient(study: Study, *places: int, **leniencies: Any) -> Study:
    """The study of members that treat some places leniently."""
    own = {item.name: getattr(study, item.name) for item in fields(Study)}
    return LenientStudy(**own, places=places, **leniencies)


def without_proofs(study: Study, *places: int) -> Study:
    """The study of members that do not check the proofs at some places."""
    return lenient(study, *places, relax=lambda pine: relaxed(pine, UnprovenPine))


def with_lax_decoder(study: Study, place: int, longer: Mapping[int, int] | None = None) -> Study:
    """The study of members that read shares at one place leniently, some of them too long."""
    return lenient(study, place, relax=lambda pine: relaxed(pine, LaxDecoder), longer=longer or {})


def with_nonce(study: Study, place: int, said: bytes) -> Study:
    """The study of members that verify one place under the nonce which its reporter says."""

    def relax(pine: Pine) -> Pine:
        believing = relaxed(pine, NonceOfChoice)
        believing.said = said
        return believing

    return lenient(study, place, relax=relax)


def believed(published: PublishedRound) -> Examined:
    """What a round comes to when sums and opened seeds are taken as they are published."""
    study = published.study
    opened = tuple(
        candidate(study, published.where, place, seed, published.heads).vector
        for member in published.openers
        for place, seed in zip(
            published.opened_places(member), published.seeds[member], strict=True
        )
    )
    if study.replicated:
        return Examined(agreed_sums(published), opened, recovered_noise(published), None)
    publications = _publications(published)
    sums = tuple(publication.sums.share for publication in publications)
    return Examined(sums, opened, (), Tagged(study.challenge(published.rho_seed), publications))


def _publications(published: PublishedRound) -> tuple[Publication, ...]:
    return tuple(
        decode_publication(published.study, published.accepted, blob)
        for blob in published.publications
    )


def blind_to(fault: Fault) -> Examine:
    """The public checks of voters that overlook one kind of fault, and go on with what is there."""

    def look(published: PublishedRound) -> Examined:
        try:
            return examine(published)
        except ProvenFault as proven:
            if proven.fault is not fault:
                raise
            return believed(published)

    return look


def unbound(published: PublishedRound) -> Examined:
    """The public checks of voters that do not compare sums with what members were bound to."""
    members = zip(published.study.committee, _publications(published), strict=True)
    said = [
        sum_digest(published.where, member, published.accepted, publication.sums.encode())
        for member, publication in members
    ]
    return examine(replace(published, sum_digests=said))

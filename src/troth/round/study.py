"""A study as the round sees it: the terms, where it lives, and the two PINE instances they name.

Places run in the transcript's order: sites in terms order, then noise candidates by member.
"""

from dataclasses import dataclass
from functools import cached_property

from troth.domain.terms import Terms
from troth.learning.model import Model
from troth.ledger.address import Address
from troth.privacy.secagg.field import Elements, Field
from troth.privacy.secagg.pine import Pine
from troth.privacy.secagg.tags import challenge, coordinates
from troth.round.transcript import Reporter, RoundId, bits
from troth.storage.seal import WRAP_SIZE, sealed_size


@dataclass(frozen=True)
class Study:
    """One study on one chain."""

    terms: Terms
    study_id: bytes
    """keccak-256 over the digest of the terms and the integers contracts compute with."""
    contract: Address
    """The Rounds contract."""

    def where(self, number: int) -> RoundId:
        """One of its rounds."""
        return RoundId(self.terms.chain_id, self.contract, self.study_id, number)

    @cached_property
    def committee(self) -> tuple[Address, ...]:
        """The aggregators, in terms order."""
        return tuple(Address.parse(member) for member in self.terms.committee)

    @cached_property
    def sites(self) -> tuple[Address, ...]:
        """The data holders, in terms order."""
        return tuple(Address.parse(site.account) for site in self.terms.sites)

    @cached_property
    def reporters(self) -> tuple[Reporter, ...]:
        """Who reports at each place."""
        sites = tuple(Reporter("site", site, 0) for site in self.sites)
        candidates = range(self.terms.privacy.noise_candidates)
        return sites + tuple(
            Reporter("noise", member, candidate)
            for member in self.committee
            for candidate in candidates
        )

    def noise_place(self, member: int, candidate: int) -> int:
        """Place of one member's noise candidate."""
        return len(self.sites) + member * self.terms.privacy.noise_candidates + candidate

    def noise_places(self, member: int) -> range:
        """Places of one member's noise candidates."""
        first = self.noise_place(member, 0)
        return range(first, first + self.terms.privacy.noise_candidates)

    def accepted_sites(self, accepted: int) -> list[Address]:
        """The sites in an accepted set, in terms order."""
        return [self.sites[place] for place in bits(accepted) if self.is_site(place)]

    def challenge(self, seed: bytes) -> Elements:
        """ρ of a round, shape (κ, d), from its seed."""
        return challenge(self.field, self.terms.model.dimension, seed)

    def weight(self, place: int) -> int:
        """Public weight of the report at a place; noise has weight 1."""
        return self.terms.sites[place].weight if self.is_site(place) else 1

    def pine(self, place: int) -> Pine:
        """The PINE instance that reports at this place are made with."""
        return self.site_pine if self.is_site(place) else self.noise_pine

    @property
    def replicated(self) -> bool:
        """Whether every share is held by all members but one (modes B3 and B4).

        Equal digests of equal sums then say what masks and tags say in mode A.
        """
        return self.terms.mode != "A"

    def holders(self, place: int, share: int) -> tuple[int, ...]:
        """Indices of the members that hold a share of the report at a place.

        In B share s is held by all members but s. In A a site's share k goes to member k; and of
        member j's noise, share (k - j) mod m goes to member k, so that the large Leader share stays
        with its owner and others get seeds.
        """
        members = len(self.committee)
        if self.replicated:
            return tuple(member for member in range(members) if member != share)
        return (share if self.is_site(place) else (share + self.owner(place)) % members,)

    def shares_of(self, place: int, member: int) -> tuple[int, ...]:
        """The shares of the report at a place that a member holds: inverse of `holders`."""
        members = len(self.committee)
        if self.replicated:
            return tuple(share for share in range(members) if share != member)
        return (self.share_of(place, member),)

    def share_of(self, place: int, member: int) -> int:
        """The one share of the report at a place that a member holds in mode A."""
        if self.is_site(place):
            return member
        return (member - self.owner(place)) % len(self.committee)

    def slots(self, places: int, member: int) -> tuple[tuple[int, int], ...]:
        """Place and share of all that a member holds of the reports in a bitmap, in order."""
        return tuple(
            (place, share) for place in bits(places) for share in self.shares_of(place, member)
        )

    def owner(self, place: int) -> int:
        """Index of the member whose noise candidate stands at a place."""
        return (place - len(self.sites)) // self.terms.privacy.noise_candidates

    def is_site(self, place: int) -> bool:
        """Whether a site reports at a place, and no noise."""
        return place < len(self.sites)

    @property
    def field(self) -> Field:
        """The field of every share, sum, mask and tag."""
        return self.site_pine.field

    @cached_property
    def tag_size(self) -> int:
        """Bytes of a mask, and of a tag."""
        return coordinates(self.field) * self.field.encoded_size

    @property
    def mask_size(self) -> int:
        """Bytes of the mask beside an input share; none where sums are compared, not tagged."""
        return 0 if self.replicated else self.tag_size

    def extended_size(self, place: int, share: int) -> int:
        """Bytes of an extended share: the input share with its mask, where there is one."""
        return self.pine(place).input_share_size(share) + self.mask_size

    def share_size(self, place: int, share: int) -> int:
        """Bytes of a sealed share; an envelope that announces another size is undecodable."""
        holders = len(self.holders(place, share))
        return sealed_size(self.extended_size(place, share), holders)

    @property
    def envelope_limit(self) -> int:
        """Bytes that no envelope exceeds: hexadecimal, with a word for every field."""
        shares = len(self.committee)
        largest = max(self.site_pine.public_share_size, self.noise_pine.public_share_size)
        return 1024 + 512 * shares + 2 * largest

    @property
    def noise_list_limit(self) -> int:
        """Bytes that no noise list exceeds."""
        return 256 + 128 * self.terms.privacy.noise_candidates

    @property
    def verifier_file_limit(self) -> int:
        """Bytes that no verifier file exceeds."""
        largest = max(self.site_pine.verifier_share_size, self.noise_pine.verifier_share_size)
        held = len(self.shares_of(0, 0))
        return 512 + len(self.reporters) * held * (128 + 2 * largest)

    @property
    def echo_limit(self) -> int:
        """Bytes that no echo exceeds: a key for each share of each report and each member."""
        members = len(self.committee)
        return 256 + len(self.reporters) * members**2 * (256 + 2 * WRAP_SIZE)

    @property
    def opened_shares_limit(self) -> int:
        """Bytes that no message of opened shares exceeds: noise shares of members, in hexadecimal.

        An owner never opens the share that it holds itself, and every other one is small.
        """
        noise = len(self.committee) * self.terms.privacy.noise_candidates
        largest = max(
            self.extended_size(len(self.sites), share) for share in range(1, len(self.committee))
        )
        return 256 + noise * (256 + 2 * largest)

    @property
    def recovery_limit(self) -> int:
        """Bytes that no recovery of a member's noise exceeds: all its shares, in hexadecimal."""
        shares = range(len(self.committee))
        whole = sum(256 + 2 * self.extended_size(len(self.sites), share) for share in shares)
        return 256 + len(self.committee) * self.terms.privacy.noise_candidates * whole

    @property
    def model_dimension(self) -> int:
        """Weights of the model that local work starts from: the one trained, or the one evaluated.

        Both have a weight for each column and an intercept.
        """
        return len(self.terms.preprocessing.columns) + 1

    @property
    def model_size(self) -> int:
        """Bytes of that model, encoded."""
        return len(Model.zeros(self.model_dimension).encode())

    @cached_property
    def site_pine(self) -> Pine:
        """PINE with the norm bound of a site's update."""
        return self._pine(self.terms.secagg.site_norm_bound)

    @cached_property
    def noise_pine(self) -> Pine:
        """PINE with the norm bound of a noise vector."""
        return self._pine(self.terms.secagg.noise_norm_bound)

    def _pine(self, bound: int) -> Pine:
        secagg = self.terms.secagg
        return Pine(
            secagg.variant,
            shares=len(self.committee),
            dimension=self.terms.model.dimension,
            num_frac_bits=self.terms.privacy.scale_bits,
            l2_norm_bound=bound,
            num_wr_checks=secagg.num_wr_checks,
            num_wr_successes=secagg.num_wr_successes,
            proofs=secagg.proofs,
            proofs_norm_equality=secagg.proofs_norm_equality,
        )

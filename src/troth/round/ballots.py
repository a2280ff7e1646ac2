"""What the votes at the end of a round decide: counting attestations and accusations.

Nothing a vote says is taken on trust by the ledger. A fault that everybody can recompute is decided
by `threshold` equal votes; a site's word about its own tag, or its silence where the terms want to
hear every site, only ends the round and uses up one of the site's accusations. Source: round
protocol, section 4, "Attestation and accusation".
"""

from collections import Counter

from troth.ledger.address import Address
from troth.round.record import RoundRecord, Shape
from troth.round.transitions import Fault


def threshold(shape: Shape, record: RoundRecord) -> int:
    """Equal votes that decide: more than half of all voters, and more than can be corrupt at once.

    Those are the whole committee and the sites that the terms assume corrupt with it.
    """
    return max(len(shape.voters(record)) // 2, shape.members + shape.terms.corrupt_sites) + 1


def majority(shape: Shape, record: RoundRecord) -> bytes | None:
    """The model digest that enough voters attest now; None without one."""
    votes = Counter(attestation.model_digest for attestation in record.attestations.values())
    return _decided(votes, threshold(shape, record))


def agreed_fault(shape: Shape, record: RoundRecord) -> Address | None:
    """Whom enough voters accuse, of whatever; None without it.

    Whoever lied once may lie again, and honest voters then see different faults of one party.
    """
    said = record.accusations.values()
    votes = Counter(bytes(a.party) for a in said if a.fault is not Fault.OWN_TAG)
    party = _decided(votes, threshold(shape, record))
    return None if party is None else Address(party)


def disputing(shape: Shape, record: RoundRecord) -> list[int]:
    """The sites that say that their own tag is wrong."""
    own = [voter for voter, a in record.accusations.items() if a.fault is Fault.OWN_TAG]
    return [site for site, account in shape.accepted_sites(record).items() if account in own]


def silent(shape: Shape, record: RoundRecord) -> list[int]:
    """The accepted sites that neither attest nor accuse."""
    sites = shape.accepted_sites(record).items()
    return [site for site, account in sites if not has_voted(record, account)]


def has_voted(record: RoundRecord, account: Address) -> bool:
    """Whether a voter attested or accused."""
    return account in record.attestations or account in record.accusations


def all_attest(shape: Shape, record: RoundRecord) -> bool:
    """Whether all who take part attested and nobody accused: then nothing is left to wait for."""
    waited = {shape.terms.committee[index] for index in record.live}
    waited.update(shape.accepted_sites(record).values())
    return not record.accusations and waited <= record.attestations.keys()


def _decided(votes: Counter[bytes], least: int) -> bytes | None:
    # The threshold is above half of the voters, so at most one vote has it.
    return next((vote for vote, count in votes.items() if count >= least), None)

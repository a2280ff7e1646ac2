"""Noise that its owner opened: each candidate is made again from its seed, down to verifier shares.

The order of the checks is fixed, so that all honest voters find the same fault and accuse the same
member. Source: round protocol, section 2 rule 3 and step 10b.
"""

from collections.abc import Mapping, Sequence

from troth.errors import ReportRejected, RoundError
from troth.ledger.address import Address
from troth.round.candidate import Candidate, candidate
from troth.round.holders import Said, agreed
from troth.round.messages import Envelope, VerifierFile
from troth.round.published import PublishedRound
from troth.round.sharing import split_extended
from troth.round.study import Study
from troth.round.transcript import RoundId, report_nonce
from troth.round.transitions import Fault


class ProvenFault(RoundError):  # noqa: N818 - named for what is found
    """What a member published is not what follows; anybody finds the same."""

    def __init__(self, fault: Fault, party: Address, detail: str) -> None:
        super().__init__(f"{fault.title} by {party}: {detail}")
        self.fault = fault
        self.party = party
        self.detail = detail


def opened_candidates(published: PublishedRound) -> dict[int, Candidate]:
    """Every opened candidate by place: the report that its owner had made, and verified rightly.

    Raises:
        ProvenFault: `Fault.OPENING` or `Fault.VERIFICATION`.
    """
    made = {
        place: found
        for member in published.openers
        for place, found in openings_of(published, member).items()
    }
    for place, found in made.items():
        require_verifier_shares(
            published.study,
            published.where,
            place,
            found,
            heads=published.heads,
            verify_key=published.verify_key,
            files=published.files,
        )
    return made


def openings_of(published: PublishedRound, member: int) -> dict[int, Candidate]:
    """A member's opened candidates, each of which is the report that it had made.

    Raises:
        ProvenFault: `Fault.OPENING`, by the member.
    """
    account, seeds = published.study.committee[member], published.seeds[member]
    places = published.opened_places(member)
    if len(seeds) != len(places) or len(set(seeds)) != len(seeds):
        raise ProvenFault(Fault.OPENING, account, "not a seed of its own for each opened candidate")
    found = {}
    for place, seed in zip(places, seeds, strict=True):
        made = candidate(published.study, published.where, place, seed, published.heads)
        require_reported(published.study, published.envelopes, place, made)
        found[place] = made
    return found


def require_reported(
    study: Study, envelopes: Mapping[int, Envelope], place: int, made: Candidate
) -> None:
    """Refuse a seed from which another report follows than the one that was made.

    Raises:
        ProvenFault: `Fault.OPENING`, by the owner.
    """
    envelope, owner = envelopes.get(place), study.committee[study.owner(place)]
    if envelope is None:
        raise ProvenFault(Fault.OPENING, owner, f"no envelope of its noise at place {place}")
    core = (made.sharing.public_share, made.sharing.commitments)
    if core != (envelope.public_share, envelope.commitments):
        raise ProvenFault(Fault.OPENING, owner, f"its seed gives another report at place {place}")


def require_verifier_shares(
    study: Study,
    where: RoundId,
    place: int,
    made: Candidate,
    *,
    heads: bytes,
    verify_key: bytes,
    files: Sequence[VerifierFile],
) -> None:
    """Refuse a verifier share of an opened candidate that is not what its share gives.

    Where shares are replicated, what counts is the word that stands: one that the other holders
    contradict has cost its member the round already.

    Raises:
        ProvenFault: `Fault.VERIFICATION`, by the first member whose file says something else.
    """
    pine = study.pine(place)
    nonce = report_nonce(where, study.reporters[place], heads)
    public_share = pine.decode_public_share(made.sharing.public_share)
    standing = agreed(study, place, files).words
    false = []
    for share, said in enumerate(standing):
        input_share, _ = split_extended(study, place, share, made.sharing.extended[share])
        try:
            _, follows = pine.verify_init(verify_key, share, nonce, public_share, input_share)
        except ReportRejected:
            true = ("query", b"")
        else:
            true = ("", follows.encode())
        if said != true:
            false += _who_said(study, place, share, said, files)
    if false:
        detail = f"a false verifier share of the noise at place {place}"
        raise ProvenFault(Fault.VERIFICATION, study.committee[min(false)], detail)


def _who_said(
    study: Study, place: int, share: int, said: Said | None, files: Sequence[VerifierFile]
) -> list[int]:
    """The members that say of a share what stands."""
    return [
        study.committee.index(file.member)
        for file in files
        for entry in file.entries
        if (entry.place, entry.share) == (place, share)
        and (entry.reason, entry.verifier_share) == said
    ]

"""What the ledger and the blobs hold about one round, ready to be checked."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from troth.audit.chain import Entry
from troth.audit.history import History
from troth.audit.members import TRANSACTIONS, blob_name
from troth.audit.references import Reference, belonging
from troth.errors import BundleFalse
from troth.ledger.address import ZERO, Address
from troth.ledger.bindings import rounds
from troth.ledger.interface import Event
from troth.round.study import Study
from troth.round.transcript import RoundId
from troth.round.view import RoundView, StudyView

_PARTY: dict[type[Event], str] = {
    rounds.NoiseReported: "member",
    rounds.FileCommitted: "member",
    rounds.VerdictPosted: "member",
    rounds.PublicationPosted: "member",
    rounds.NoiseOpened: "member",
    rounds.NoiseDefended: "member",
    rounds.Attested: "voter",
}
"""Events that a claim may be found false about, with the field that says whose they are."""


class PartyLie(BundleFalse):
    """Something that a party posted does not follow.

    In a final round it makes the bundle false. In a round that aborted it says who lied.
    """

    def __init__(self, party: Address, position: str, claimed: str, follows: str) -> None:
        super().__init__(TRANSACTIONS, position, f"{claimed}, by {party}", follows)
        self.party = party


@dataclass
class RoundEvidence:
    """One round of one study."""

    study: Study
    view: RoundView
    blobs: Mapping[bytes, bytes]
    entries: dict[tuple[type[Event], Address], Entry] = field(default_factory=dict)
    """The transaction behind each post that can lie, by event and party."""
    other: Address = ZERO
    """The second of the two parties that an abort names; `ZERO` when it names fewer."""
    first_words: dict[Address, int] = field(default_factory=dict)
    """What each member first said it had opened, before any denial was answered."""

    @property
    def where(self) -> RoundId:
        """The round's id in everything that is hashed."""
        return self.study.where(self.view.number)

    def lie(self, event: type[Event], party: Address, claimed: str, follows: str) -> PartyLie:
        """The finding that what a party posted does not follow."""
        entry = self.entries[event, party]
        position = f"{entry.position}, {event.SOLIDITY_NAME} of round {self.view.number}"
        return PartyLie(party, position, claimed, follows)

    def require(self, digest: bytes, what: str) -> bytes:
        """A blob that the verdict on this round needs.

        Raises:
            BundleFalse: it is not in the bundle.
        """
        if digest not in self.blobs:
            follows = f"the {what} of round {self.view.number}"
            raise BundleFalse(blob_name(digest), "member", "nothing", follows)
        return self.blobs[digest]

    def belonging(self) -> set[bytes]:
        """The blobs of this round that are rightly in the bundle.

        Raises:
            BundleFalse: one that has to be there is not.
        """

        def fetch(reference: Reference) -> bytes:
            return self.require(reference.digest, reference.what)

        def look(reference: Reference) -> bytes | None:
            return self.blobs.get(reference.digest)

        return set(belonging(self.study, self.view, fetch, look))


def gather(
    history: History, studies: Mapping[bytes, Study], blobs: Mapping[bytes, bytes]
) -> Iterator[RoundEvidence]:
    """All rounds of all studies, by study in their order and by number."""
    views = {study_id: StudyView(study_id) for study_id in studies}
    entries: dict[tuple[bytes, int], dict[tuple[type[Event], Address], Entry]] = {}
    others: dict[tuple[bytes, int], Address] = {}
    words: dict[tuple[bytes, int], dict[Address, int]] = {}
    for entry, event in history.events():
        study_id = getattr(event, "study_id", None)
        if study_id not in views:
            continue
        views[study_id].apply(event)
        if isinstance(event, rounds.RoundAborted):
            others[study_id, event.round] = event.other
        if isinstance(event, rounds.DeliveryPosted):
            said = words.setdefault((study_id, event.round), {})
            said.setdefault(event.member, event.opened)
        name = _PARTY.get(type(event))
        if name is not None:
            key = (study_id, getattr(event, "round"))  # noqa: B009 - only some events have one
            entries.setdefault(key, {})[type(event), getattr(event, name)] = entry
    for study_id, study in studies.items():
        for number, view in sorted(views[study_id].rounds.items()):
            key = (study_id, number)
            yield RoundEvidence(
                study,
                view,
                blobs,
                entries.get(key, {}),
                others.get(key, ZERO),
                words.get(key, {}),
            )

"""What the ledger and the blobs hold about one round, ready to be checked."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from troth.audit.chain import Entry
from troth.audit.history import History
from troth.audit.members import TRANSACTIONS, blob_name
from troth.audit.references import Reference, needed
from troth.errors import BundleFalse
from troth.ledger.address import Address
from troth.ledger.bindings import rounds
from troth.ledger.interface import Event
from troth.round.study import Study
from troth.round.transcript import RoundId
from troth.round.view import RoundView, StudyView

_PARTY: dict[type[Event], str] = {
    rounds.NoiseReported: "member",
    rounds.VerdictPosted: "member",
    rounds.FileCommitted: "member",
    rounds.PublicationPosted: "member",
    rounds.Attested: "voter",
}
"""Events that a claim may be found false about, with the field that says whose they are."""


@dataclass
class RoundEvidence:
    """One round of one study."""

    study: Study
    view: RoundView
    blobs: Mapping[bytes, bytes]
    entries: dict[tuple[type[Event], Address], Entry] = field(default_factory=dict)
    """The transaction behind each post that can lie, by event and party."""

    @property
    def where(self) -> RoundId:
        """The round's id in everything that is hashed."""
        return self.study.where(self.view.number)

    def lie(self, event: type[Event], party: Address, claimed: str, follows: str) -> BundleFalse:
        """The finding that what a party posted does not follow."""
        entry = self.entries[event, party]
        position = f"{entry.position}, {event.SOLIDITY_NAME} of round {self.view.number}"
        return BundleFalse(TRANSACTIONS, position, f"{claimed}, by {party}", follows)

    def require(self, digest: bytes, what: str) -> bytes:
        """A blob that the verdict on this round needs.

        Raises:
            BundleFalse: it is not in the bundle.
        """
        if digest not in self.blobs:
            follows = f"the {what} of round {self.view.number}"
            raise BundleFalse(blob_name(digest), "member", "nothing", follows)
        return self.blobs[digest]

    def needed(self) -> set[bytes]:
        """The blobs of this round that belong into a bundle.

        Raises:
            BundleFalse: one is not there.
        """

        def fetch(reference: Reference) -> bytes:
            return self.require(reference.digest, reference.what)

        return set(needed(self.study, self.view, fetch))


def gather(
    history: History, studies: Mapping[bytes, Study], blobs: Mapping[bytes, bytes]
) -> Iterator[RoundEvidence]:
    """All rounds of all studies, by study in their order and by number."""
    views = {study_id: StudyView(study_id) for study_id in studies}
    entries: dict[tuple[bytes, int], dict[tuple[type[Event], Address], Entry]] = {}
    for entry, event in history.events():
        study_id = getattr(event, "study_id", None)
        if study_id not in views:
            continue
        views[study_id].apply(event)
        name = _PARTY.get(type(event))
        if name is not None:
            key = (study_id, getattr(event, "round"))  # noqa: B009 - only some events have one
            entries.setdefault(key, {})[type(event), getattr(event, name)] = entry
    for study_id, study in studies.items():
        for number, view in sorted(views[study_id].rounds.items()):
            yield RoundEvidence(study, view, blobs, entries.get((study_id, number), {}))

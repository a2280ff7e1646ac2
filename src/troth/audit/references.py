"""Which blobs the ledger speaks of: nothing else belongs into a bundle, least of all sealed shares.

Folded from events alone, so whoever writes a bundle and whoever audits it mean the same blobs.
Digests of noise envelopes stand in the lists that the ledger names.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from troth.domain import records
from troth.errors import DecodeError
from troth.ledger.bindings import rounds
from troth.ledger.interface import Event
from troth.round.messages import NoiseList

_DIGESTS: dict[type[Event], tuple[str, Callable[[Any], bytes]]] = {
    rounds.HeadPosted: ("HPKE key", lambda event: event.hpke_key_digest),
    rounds.Reported: ("envelope", lambda event: event.digest),
    rounds.NoiseReported: ("noise list", lambda event: event.digest),
    rounds.FileCommitted: ("verifier file", lambda event: event.digest),
    rounds.PublicationPosted: ("aggregate share", lambda event: event.digest),
    rounds.Attested: ("model", lambda event: event.model_digest),
}


@dataclass(frozen=True)
class Reference:
    """A blob that some round's event names."""

    study: bytes
    round: int
    what: str
    digest: bytes


def referenced(events: Iterable[Event]) -> Iterator[Reference]:
    """The blobs that events name, in order; not yet those that noise lists name."""
    for event in events:
        kind = _DIGESTS.get(type(event))
        if kind is not None:
            what, digest_of = kind
            said: Any = event
            yield Reference(said.study_id, said.round, what, digest_of(event))


def listed(references: Iterable[Reference], blobs: Mapping[bytes, bytes]) -> Iterator[Reference]:
    """The noise envelopes that the lists among ``blobs`` name."""
    for reference in references:
        if reference.what == "noise list" and reference.digest in blobs:
            found = _read_list(blobs[reference.digest])
            for digest in found.envelopes if found else ():
                yield Reference(reference.study, reference.round, "envelope", digest)


def _read_list(data: bytes) -> NoiseList | None:
    try:
        return records.decode(NoiseList, data, "noise list")
    except DecodeError:
        return None  # names nothing; a round with such a list does not become final

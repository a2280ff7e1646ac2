"""Following a round: from the ledger and the published blobs to its fault, or to the next model.

Members and sites run the same code; what follows (`round/faults.py`, `round/step.py`) is an
auditor's too.
"""

from collections.abc import Callable
from dataclasses import dataclass

from troth.domain.terms import EvaluationTerms
from troth.errors import DecodeError, EncodingError, ParameterError
from troth.learning.model import Model
from troth.ledger.address import Address
from troth.roles.verifying import envelope_digests, read_envelopes, read_files
from troth.round.faults import Examined, Tagged, examine, require_evidence
from troth.round.live import live_members
from troth.round.mail import Inbox, Wanted
from troth.round.messages import VerifierFile, decode_opened_shares
from troth.round.openings import ProvenFault
from troth.round.publication import publication_size
from troth.round.published import PublishedRound, published_digests, published_round
from troth.round.replicated import agreed_recoveries, recovery_of, shown_shares, sum_blob_size
from troth.round.step import next_model
from troth.round.study import Study
from troth.round.transcript import bits
from troth.round.transitions import Fault, State
from troth.round.verdict import round_verify_key
from troth.round.view import Accusation, RoundView

Examine = Callable[[PublishedRound], Examined]
"""`examine`, or something that remembers what it said."""


@dataclass(frozen=True)
class Followed:
    """A round that has been checked as far as everybody can."""

    published: PublishedRound
    examined: Examined


def current_model(study: Study, inbox: Inbox, account: Address) -> Model | None:
    """The model after the last final round; in an evaluation the model that is evaluated.

    None while nobody serves its bytes, and for ever when a majority finalised another model than
    this party attested, or something that is no model of the study: it goes no further with them.
    """
    if isinstance(study.terms.model, EvaluationTerms):
        return _fetched(study, bytes.fromhex(study.terms.model.digest[2:]), inbox)
    finals = inbox.view.finals
    if not finals:
        return Model.zeros(study.model_dimension)
    last = finals[-1]
    if last.attestations.get(account, last.model_digest) != last.model_digest:
        return None
    return _fetched(study, last.model_digest, inbox)


def _fetched(study: Study, digest: bytes, inbox: Inbox) -> Model | None:
    """The model of a digest, or None while nobody serves it, or when it is none of the study."""
    (data,) = inbox.take([Wanted(digest, study.model_size)])
    try:
        model = Model.decode(data or b"")
    except DecodeError:
        return None
    return model if model.dimension == study.model_dimension else None


def publications(study: Study, view: RoundView, inbox: Inbox) -> list[bytes | None]:
    """What was published, None where nobody serves it: by member, in B the sums by share."""
    tagged = not study.replicated
    size = publication_size(study, view.accepted) if tagged else sum_blob_size(study)
    digests = published_digests(study, view)
    return list(inbox.take(Wanted(digest, size, keep=True) for digest in digests))


def follow(
    study: Study, view: RoundView, inbox: Inbox, examine_round: Examine = examine
) -> Followed | None:
    """Check all that is published of a round whose noise is opened.

    Returns:
        None while a blob cannot be fetched.

    Raises:
        ProvenFault: what every honest voter finds as well, and accuses.
    """
    blobs = publications(study, view, inbox)
    served = [blob for blob in blobs if blob is not None]
    judges = live_members(study, view, State.JUDGED)
    read = read_files(study, view, judges, None, inbox)
    files = [file for file in read if isinstance(file, VerifierFile)]
    envelopes = read_envelopes(study, view, inbox)
    noise = {place for place in bits(view.accepted) if not study.is_site(place)}
    if len(served) < len(blobs) or len(files) < len(read) or not noise <= envelopes.keys():
        return None
    recovering = agreed_recoveries(view)
    limit = study.recovery_limit
    shown = inbox.take(Wanted(digest, limit, keep=True) for digest in recovering.values())
    key = round_verify_key(study, view)
    published = published_round(
        study,
        view,
        verify_key=key,
        envelopes=envelopes,
        files=files,
        publications=served,
        recovered=shown_shares(study, view, envelopes, dict(zip(recovering, shown, strict=True))),
    )
    try:
        followed = Followed(published, examine_round(published))
    except DecodeError:
        return None
    _look_at_evidence(study, view, inbox, followed)
    return followed


def read_by_voters(study: Study, view: RoundView, inbox: Inbox) -> tuple[bytes, ...]:
    """What `follow` has read, all of it public: a member serves it again to voters that lack it."""
    named = {*view.files.values(), *view.noise_lists.values()}
    named |= {*published_digests(study, view)}
    named |= _readable_recoveries(study, view, inbox)
    named |= {digest for _, digest in envelope_digests(study, view, inbox)}
    if not study.replicated:
        named |= {accusation.evidence for accusation in view.accusations.values()}
    return tuple(
        data for item, data in inbox.blobs.items() if data is not None and item.digest in named
    )


def _readable_recoveries(study: Study, view: RoundView, inbox: Inbox) -> set[bytes]:
    """Digests of what holders show of absent noise, and of nothing else."""
    found, envelopes = set(), read_envelopes(study, view, inbox)
    served = {item.digest: data for item, data in inbox.blobs.items() if data is not None}
    for member, digest in agreed_recoveries(view).items():
        try:
            recovery_of(study, view, envelopes, member, served.get(digest, b""))
        except DecodeError:
            continue
        found.add(digest)
    return found


def _look_at_evidence(study: Study, view: RoundView, inbox: Inbox, followed: Followed) -> None:
    """Find the false tags that owners of noise show, beyond what everybody finds without them.

    Whatever else an accuser says, or cannot show, is passed over: it only delays the end of the
    round, and the audit names its author. If it took attestations back, one false word in the last
    moment could split honest voters.
    """
    tagged = followed.examined.tagged
    for accuser in study.committee:
        accusation = view.accusations.get(accuser)
        if tagged and accusation and accusation.fault is Fault.TAG and any(accusation.evidence):
            _look_at(inbox, followed.published, tagged, accuser, accusation)


def _look_at(
    inbox: Inbox,
    published: PublishedRound,
    tagged: Tagged,
    accuser: Address,
    accusation: Accusation,
) -> None:
    study = published.study
    (data,) = inbox.take([Wanted(accusation.evidence, study.opened_shares_limit, keep=True)])
    try:
        opened = decode_opened_shares(data or b"", study, accuser)
        require_evidence(published, tagged, accuser, accusation.party, opened)
    except DecodeError:
        return
    except ProvenFault as found:
        if found.fault is Fault.TAG:
            raise


def followed_model(study: Study, view: RoundView, model: Model, followed: Followed) -> Model | None:
    """The model that follows from the one before and a checked round.

    None when the sum is beyond what the model can take: then nobody honest attests, and the round
    ends without a majority.
    """
    try:
        return next_model(study, view.accepted, followed.examined, model)
    except (EncodingError, ParameterError):
        return None

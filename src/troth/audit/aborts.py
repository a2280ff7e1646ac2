"""Rounds that aborted: what the ledger says, and who lied as far as anybody can recompute it.

A lie of a party in such a round does not make a bundle false. Nobody honest is ever among the
liars: where two parties could have lied, both are told and neither is named.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from troth.audit.accusations import FALSE, OPEN, SHOWN, JudgedAccusation, judge_accusations
from troth.audit.evidence import PartyLie, RoundEvidence
from troth.audit.references import denied_owner, held, judged, listed_envelopes
from troth.audit.reports import verify_files, verify_reports
from troth.audit.sums import published
from troth.audit.verdicts import false_verdicts, recomputed
from troth.errors import DecodeError
from troth.ledger.address import ZERO, Address
from troth.round.candidate import candidate
from troth.round.faults import Examined, examine
from troth.round.messages import (
    Envelope,
    VerifierFile,
    decode_envelope,
    decode_opened_shares,
)
from troth.round.openings import (
    ProvenFault,
    openings_of,
    require_reported,
    require_verifier_shares,
)
from troth.round.published import PublishedRound
from troth.round.transcript import share_commitment
from troth.round.transitions import Fault, State
from troth.round.verdict import round_verify_key


@dataclass(frozen=True)
class Abort:
    """A round that did not become final."""

    round: int
    reason: str
    party: str
    """Whom the contract named; empty when it named nobody."""
    other: str
    """The second where it named a pair: the member that denied."""
    sites: tuple[str, ...]
    """The sites that an `Accused` or `Silent` round ended by: those that accuse a member of a wrong
    tag, or those that said nothing."""
    liars: tuple[str, ...]
    """Who lied, by what is recomputed here."""
    fault: str
    """What that is, and what stays open; empty when the ledger says all there is to say."""


@dataclass(frozen=True)
class _Finding:
    """Something that the published blobs show, with its liar if it has one."""

    liar: Address | None
    what: str


def told_abort(round_: RoundEvidence) -> tuple[Abort, list[JudgedAccusation]]:
    """A round that aborted, and every accusation in it as far as it can be judged.

    Raises:
        BundleFalse: a blob that belongs into the bundle is missing.
    """
    round_.belonging()  # whatever is missing makes the bundle false, so only parties lie below
    view = round_.view
    reason, party = view.aborted
    findings: list[_Finding] = list(_denial(round_))
    accusations: list[JudgedAccusation] = []
    if judged(view):
        try:
            envelopes, files = verify_reports(round_), verify_files(round_)
        except PartyLie as lie:
            findings.append(_told(lie))
        else:
            false = list(_verdicts(round_, envelopes, files))
            findings += false
            # Nothing follows from sums over a set that does not.
            if held(round_.study, view) and not false:
                found, accusations = _publications(round_, envelopes, files)
                findings += found
    findings += _convicted(round_, accusations, {found.liar for found in findings})
    liars = dict.fromkeys(str(found.liar) for found in findings if found.liar is not None)
    return (
        Abort(
            round=view.number,
            reason=reason,
            party="" if party == ZERO else str(party),
            other="" if round_.other == ZERO else str(round_.other),
            sites=_sites(round_),
            liars=tuple(liars),
            fault="; ".join(found.what for found in findings),
        ),
        accusations,
    )


def _told(lie: PartyLie) -> _Finding:
    return _Finding(lie.party, f"{lie.claimed}; what follows is {lie.follows}")


def _sites(round_: RoundEvidence) -> tuple[str, ...]:
    view, study = round_.view, round_.study
    accepted = study.accepted_sites(view.accepted)
    said = view.accusations
    if view.aborted[0] == "Accused":
        disputing = [s for s in accepted if s in said and said[s].fault is Fault.OWN_TAG]
        return tuple(map(str, disputing))
    if view.aborted[0] == "Silent":
        return tuple(str(s) for s in accepted if s not in view.attestations and s not in said)
    return ()


def _verdicts(
    round_: RoundEvidence, envelopes: Mapping[int, Envelope], files: Sequence[VerifierFile]
) -> Iterator[_Finding]:
    """Verdicts that do not follow, and whose doing rejected noise was."""
    codes = recomputed(round_, envelopes, files)
    for lie in false_verdicts(round_, codes):
        yield _told(lie)
    if round_.view.aborted[0] == "Noise" and State.SETTLED not in round_.view.left_before:
        for index, owner in enumerate(round_.study.committee):
            places = round_.study.noise_places(index)
            if any(codes[place] and round_.view.delivered >> place & 1 for place in places):
                yield _rejected(round_, owner, places, envelopes, files)


def _rejected(
    round_: RoundEvidence,
    owner: Address,
    places: range,
    envelopes: Mapping[int, Envelope],
    files: Sequence[VerifierFile],
) -> _Finding:
    """A member's rejected noise: bad in itself, or evicted by somebody's false verifier share."""
    study, view, where = round_.study, round_.view, round_.where
    if owner not in view.defences:
        undecodable = [place for place in places if place not in envelopes]
        if undecodable:
            return _Finding(
                owner, f"no envelope of the noise at place {undecodable[0]}, by {owner}"
            )
        return _Finding(
            None,
            f"{owner} did not open its rejected noise: its report or a verifier share of it is "
            "false",
        )
    key = round_verify_key(study, view)
    try:
        for place, seed in zip(places, view.defences[owner], strict=True):
            made = candidate(study, where, place, seed, view.heads_digest)
            require_reported(study, envelopes, place, made)
            require_verifier_shares(
                study,
                where,
                place,
                made,
                heads=view.heads_digest,
                verify_key=key,
                files=files,
            )
    except ProvenFault as fault:
        return _Finding(fault.party, str(fault))
    return _Finding(None, f"the rejected noise that {owner} opened is right in every detail")


def _denial(round_: RoundEvidence) -> Iterator[_Finding]:
    """Noise that a member denied to the end: what its owner showed, and what was said before.

    That an answer opens does not say that it was served in time, so it names nobody.
    """
    study, view = round_.study, round_.view
    owner, denier = denied_owner(view), round_.other
    if owner is None:
        return
    index = study.committee.index(owner)
    denied = [place for place in study.noise_places(index) if not view.opened[denier] >> place & 1]
    before = round_.first_words[denier]
    silent = not study.replicated and owner not in view.answers
    if silent or all(before >> place & 1 for place in denied):
        yield _Finding(denier, f"{denier} denied noise that it had said it could open")
        return
    if study.replicated:
        what = f"{owner} sealed its noise wrongly, or {denier} denied what it could open"
        yield _Finding(None, what)
    else:
        yield _answered(round_, owner, denier, denied)


def _answered(
    round_: RoundEvidence, owner: Address, denier: Address, denied: Sequence[int]
) -> _Finding:
    """What an owner showed of its noise that somebody denied again."""
    study, view = round_.study, round_.view
    index = study.committee.index(owner)
    answer = round_.blobs.get(view.answers[owner])
    noise_list = round_.blobs.get(view.noise_lists[owner])
    missing = "what was shown of the denied noise is not in this bundle"
    if answer is None or noise_list is None:
        return _Finding(None, missing)
    digests = listed_envelopes(study, index, noise_list)
    if any(place in digests and digests[place] not in round_.blobs for place in denied):
        return _Finding(None, missing)
    try:
        shown = decode_opened_shares(answer, study, owner)
        for place in denied:
            if round_.first_words[denier] >> place & 1:
                continue
            data = round_.blobs[digests[place]] if place in digests else b""
            envelope = decode_envelope(data, study, view.number, place)
            member = study.committee.index(denier)
            share = study.share_of(place, member)
            body = shown.get((place, member), b"")
            opened = share_commitment(round_.where, study.reporters[place], share, body)
            if opened != envelope.commitments[share]:
                what = f"what {owner} showed of its noise at place {place} is not what it reported"
                return _Finding(owner, what)
    except DecodeError as problem:
        return _Finding(owner, f"{problem}, by {owner}")
    return _Finding(
        None, f"{owner} showed the share that {denier} denied: it opens, if it was served in time"
    )


def _publications(
    round_: RoundEvidence, envelopes: Mapping[int, Envelope], files: Sequence[VerifierFile]
) -> tuple[list[_Finding], list[JudgedAccusation]]:
    """What everybody finds in what was published, and what became of accusations."""
    found, findings = published(round_, envelopes, files), []
    if round_.study.replicated and State.OPENED not in round_.view.left_before:
        return list(_openings(found)), []
    outcome: Examined | ProvenFault
    try:
        outcome = examine(found)
    except ProvenFault as fault:
        outcome = fault
        if fault.fault is Fault.OPENING and fault.party not in round_.view.seeds:
            return [], []  # it opened nothing, as the ledger says
        findings.append(_Finding(fault.party, str(fault)))
    except DecodeError as problem:
        return [_Finding(None, str(problem))], []
    accusations = judge_accusations(round_, found, outcome)
    for said in accusations:
        if said.outcome == FALSE:
            what = f"{said.by} accused {said.against} falsely of {said.fault}: {said.why}"
            findings.append(_Finding(Address.parse(said.by), what))
        elif said.outcome == SHOWN and isinstance(outcome, Examined):
            what = f"{said.fault} by {said.against}: {said.why}"
            findings.append(_Finding(Address.parse(said.against), what))
    return findings, accusations


def _openings(found: PublishedRound) -> Iterator[_Finding]:
    """Who opened noise by other seeds than it had reported, in a round that went no further."""
    for owner in found.openers:
        if found.seeds[owner]:
            try:
                openings_of(found, owner)
            except ProvenFault as fault:
                yield _Finding(fault.party, str(fault))


def _convicted(
    round_: RoundEvidence,
    accusations: Sequence[JudgedAccusation],
    liars: Collection[Address | None],
) -> Iterator[_Finding]:
    """Whether votes that convicted somebody are borne out."""
    reason, party = round_.view.aborted
    if reason != "Fault" or party in liars:
        return
    outcomes = {
        said.outcome
        for said in accusations
        if said.against == str(party) and said.fault != Fault.OWN_TAG.title
    }
    if SHOWN in outcomes:
        return
    if OPEN in outcomes:
        yield _Finding(None, f"whether {party} was convicted rightly cannot be told from here")
    else:
        yield _Finding(None, f"{party} was convicted by votes that nothing bears out")

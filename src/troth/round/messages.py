"""What parties put into the object store during a round; the ledger holds the digests.

Every message is a record in canonical JSON (``domain/records.py``), so one message has one digest.
Publications are the exception (``publication.py``): they are as long as the model.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from troth.domain import records
from troth.errors import DecodeError
from troth.ledger.address import Address
from troth.round.study import Study
from troth.round.transcript import Reporter, RoundId

ENVELOPE_FORMAT = "troth/envelope/v1"
NOISE_LIST_FORMAT = "troth/noise-list/v1"
VERIFIER_FILE_FORMAT = "troth/verifier-file/v1"
OPENED_SHARES_FORMAT = "troth/opened-shares/v1"
ECHO_FORMAT = "troth/echo/v1"
RECOVERY_FORMAT = "troth/recovery/v1"
_REMEMBERED = 256
"""Decoded messages in memory: a party reads those of a round again at every step."""
MAX_MESSAGE = 64 * 2**20
"""Bytes of the largest message that anyone fetches."""


@dataclass(frozen=True)
class SealedShare:
    """Where one sealed input share lies."""

    digest: bytes
    """SHA-256 of the sealed blob."""
    size: int
    """Its bytes; a reader fetches no more."""


@dataclass(frozen=True)
class Envelope:
    """A report as everybody may see it: who, the public share, commitments, where shares lie."""

    format: str
    chain_id: int
    contract: bytes
    """Address of the Rounds contract."""
    study: bytes
    round: int
    role: str
    """``site`` or ``noise``."""
    party: bytes
    """Address of the reporter."""
    candidate: int
    """Number of the noise candidate; 0 for a site."""
    public_share: bytes
    """PINE public share, encoded."""
    commitments: tuple[bytes, ...]
    """C_j for every share, by share number."""
    shares: tuple[SealedShare, ...]
    """The sealed input shares, by share number."""

    @property
    def where(self) -> RoundId:
        """The round it was made for."""
        return RoundId(self.chain_id, Address(self.contract), self.study, self.round)

    @property
    def reporter(self) -> Reporter:
        """Whom it claims to be from."""
        return Reporter(self.role, Address(self.party), self.candidate)

    def encode(self) -> bytes:
        """The blob whose digest is posted."""
        return records.encode(self)


def envelope(
    where: RoundId,
    reporter: Reporter,
    public_share: bytes,
    commitments: tuple[bytes, ...],
    shares: tuple[SealedShare, ...],
) -> Envelope:
    """The envelope of one report."""
    return Envelope(
        format=ENVELOPE_FORMAT,
        chain_id=where.chain_id,
        contract=where.contract,
        study=where.study,
        round=where.round,
        role=reporter.role,
        party=reporter.party,
        candidate=reporter.candidate,
        public_share=public_share,
        commitments=commitments,
        shares=shares,
    )


@lru_cache(maxsize=_REMEMBERED)
def decode_envelope(data: bytes, study: Study, number: int, place: int) -> Envelope:
    """Read the envelope that was posted for a place in a round; one for anybody else is refused.

    A share of any other size than the study's is refused too, so that a reader knows beforehand
    how much it will fetch.

    Raises:
        DecodeError: not canonical, of another round or party, or not one share for each holder.
    """
    sizes = [study.share_size(place, share) for share in range(len(study.committee))]
    found = records.decode(Envelope, data, "envelope")
    if found.format != ENVELOPE_FORMAT:
        raise DecodeError(f"envelope: unknown format {found.format!r}")
    if found.where != study.where(number):
        raise DecodeError("envelope: made for another chain, contract, study or round")
    if found.reporter != study.reporters[place]:
        raise DecodeError("envelope: the party in it is not the one that posted it")
    if not len(found.commitments) == len(found.shares) == len(sizes):
        raise DecodeError(f"envelope: not one commitment and one share for each of {len(sizes)}")
    if any(len(commitment) != 32 for commitment in found.commitments):
        raise DecodeError("envelope: a commitment is not 32 bytes")
    for share, size in zip(found.shares, sizes, strict=True):
        if len(share.digest) != 32 or share.size != size:
            raise DecodeError(f"envelope: a share without a digest, or not of {size} bytes")
    return found


@dataclass(frozen=True)
class NoiseList:
    """The envelopes of one member's noise candidates, by candidate."""

    format: str
    envelopes: tuple[bytes, ...]
    """Digests."""

    def encode(self) -> bytes:
        """The blob whose digest is posted."""
        return records.encode(self)


def decode_noise_list(data: bytes, candidates: int) -> NoiseList:
    """Read a member's list of exactly ``candidates`` noise envelopes."""
    found = records.decode(NoiseList, data, "noise list")
    if found.format != NOISE_LIST_FORMAT:
        raise DecodeError(f"noise list: unknown format {found.format!r}")
    if len(found.envelopes) != candidates or any(len(item) != 32 for item in found.envelopes):
        raise DecodeError(f"noise list: not {candidates} digests")
    return found


@dataclass(frozen=True)
class VerifierEntry:
    """One member's verifier share of one share of a delivered report, or why it has none."""

    place: int
    """Place of the report in the transcript's order."""
    share: int
    """Number of the share."""
    reason: str
    """Empty, or ``share``: the input share opens to its commitment but does not decode; or
    ``query``: its query point is degenerate."""
    verifier_share: bytes
    """PINE verifier share, encoded; empty where there is a reason."""


@dataclass(frozen=True)
class VerifierFile:
    """All verifier shares of one member in one round, by place and share."""

    format: str
    member: bytes
    """Its address."""
    entries: tuple[VerifierEntry, ...]

    def encode(self) -> bytes:
        """The blob whose digest is committed before any file is served."""
        return records.encode(self)


@lru_cache(maxsize=_REMEMBERED)
def decode_verifier_file(
    data: bytes, member: Address, slots: tuple[tuple[int, int], ...]
) -> VerifierFile:
    """Read a member's file, which must speak of exactly what it holds, in order (`Study.slots`)."""
    found = records.decode(VerifierFile, data, "verifier file")
    if found.format != VERIFIER_FILE_FORMAT:
        raise DecodeError(f"verifier file: unknown format {found.format!r}")
    if found.member != member:
        raise DecodeError("verifier file: the member in it is not the one that committed to it")
    if tuple((entry.place, entry.share) for entry in found.entries) != slots:
        raise DecodeError("verifier file: not one entry for each share it holds, in order")
    for entry in found.entries:
        if entry.reason not in ("", "share", "query") or bool(entry.reason) == bool(
            entry.verifier_share
        ):
            raise DecodeError(f"verifier file: place {entry.place} has no share and no reason")
    return found


@dataclass(frozen=True)
class OpenedShare:
    """One extended share of a noise candidate, shown to everybody by the member whose noise it is.

    It never is the share that the owner holds itself, so the noise stays hidden.
    """

    place: int
    """Place of the candidate."""
    member: bytes
    """Address of the member that holds the share."""
    extended: bytes
    """The input share and its mask, encoded."""


@dataclass(frozen=True)
class OpenedShares:
    """An owner's answer to denials, or its evidence against a wrong tag."""

    format: str
    shares: tuple[OpenedShare, ...]

    def encode(self) -> bytes:
        """The blob whose digest is posted."""
        return records.encode(self)


def decode_opened_shares(data: bytes, study: Study, owner: Address) -> dict[tuple[int, int], bytes]:
    """Read the shares that an owner opened: by place and index of the holder.

    Raises:
        DecodeError: not canonical, a share of somebody else's noise, the owner's own, or one twice.
    """
    found = records.decode(OpenedShares, data, "opened shares")
    if found.format != OPENED_SHARES_FORMAT:
        raise DecodeError(f"opened shares: unknown format {found.format!r}")
    opened: dict[tuple[int, int], bytes] = {}
    for item in found.shares:
        if item.member not in study.committee or item.member == owner:
            raise DecodeError("opened shares: one that no other member of the committee holds")
        inside = len(study.sites) <= item.place < len(study.reporters)
        if not inside or study.reporters[item.place].party != owner:
            raise DecodeError("opened shares: one of a report that is not the owner's noise")
        key = (item.place, study.committee.index(Address(item.member)))
        if key in opened:
            raise DecodeError("opened shares: one twice")
        opened[key] = item.extended
    return opened


@dataclass(frozen=True)
class EchoedKey:
    """The content key of one sealed share, wrapped again to a holder that could not open it."""

    place: int
    """Place of the report."""
    share: int
    """Number of the share."""
    member: bytes
    """Address of the holder that the key is for."""
    wrap: bytes


@dataclass(frozen=True)
class Echo:
    """What a member does for the others where reporters sealed a share wrongly to some of them."""

    format: str
    keys: tuple[EchoedKey, ...]

    def encode(self) -> bytes:
        """The blob whose digest is posted."""
        return records.encode(self)


def decode_echo(data: bytes) -> Echo:
    """Read a member's echo. Whether a key opens anything, only its receiver can tell."""
    found = records.decode(Echo, data, "echo")
    if found.format != ECHO_FORMAT:
        raise DecodeError(f"echo: unknown format {found.format!r}")
    return found


@dataclass(frozen=True)
class RecoveredShare:
    """One share of the noise of a member that did not open it, shown by a holder."""

    place: int
    """Place of the candidate."""
    share: int
    """Number of the share."""
    extended: bytes
    """The share, encoded."""


@dataclass(frozen=True)
class Recovery:
    """All that a member holds of the noise of those that did not open theirs."""

    format: str
    shares: tuple[RecoveredShare, ...]

    def encode(self) -> bytes:
        """The blob whose digest is posted."""
        return records.encode(self)


def decode_recovery(data: bytes, sizes: Mapping[tuple[int, int], int]) -> Recovery:
    """Read a member's recovery, which must show exactly what it was to show, in order.

    So nobody can put shares of anything else, a site's report least of all, into what others serve
    again and auditors keep. Whether a share is right, its commitment says.

    Args:
        data: the blob.
        sizes: bytes of each share, by place and share, of all noise of the absent members that
            the poster holds, in order.
    """
    found = records.decode(Recovery, data, "recovery")
    if found.format != RECOVERY_FORMAT:
        raise DecodeError(f"recovery: unknown format {found.format!r}")
    if [(item.place, item.share) for item in found.shares] != list(sizes):
        raise DecodeError("recovery: not one entry for each share that it has to show, in order")
    if any(len(item.extended) != sizes[item.place, item.share] for item in found.shares):
        raise DecodeError("recovery: a share of another size")
    return found

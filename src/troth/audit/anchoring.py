"""What ``--trust`` was given, read by its format, and the comparison that it asks for."""

from dataclasses import dataclass

from troth.audit import checkpoint as checkpoints
from troth.audit import trust as trusts
from troth.audit.chain import Chain
from troth.audit.checkpoint import Checkpoint, Signers
from troth.audit.members import TRANSACTIONS
from troth.audit.past import history_of_chain
from troth.audit.trust import Anchors, verify_anchors
from troth.domain import canonical
from troth.errors import BundleFalse, DecodeError, InputError

_WHO = (
    "that the members whose signatures the checkpoint counts are those whom you know: compare "
    "their addresses, or give --signers"
)


@dataclass(frozen=True)
class TrustFile:
    """Anchors on faith."""

    anchors: Anchors
    by = "the trust file"
    uncovered = ()

    def verify(self, found: Anchors, _: Chain) -> None:
        """Compare a bundle's anchors.

        Raises:
            BundleFalse: the first that differs.
        """
        verify_anchors(found, self.anchors, by=self.by)


@dataclass(frozen=True)
class SignedAnchors:
    """Anchors that enough members signed."""

    checkpoint: Checkpoint
    signers: Signers | None
    """Whom the reader knows; None: only the checkpoint says who its members are."""
    counted: tuple[str, ...]
    """Members whose signatures count."""

    @property
    def by(self) -> str:
        """Who vouches for the last block."""
        return f"{len(self.counted)} members in a checkpoint ({', '.join(self.counted)})"

    @property
    def uncovered(self) -> tuple[str, ...]:
        """What the reader has to know for this to be worth anything, and did not say."""
        if self.signers is not None:
            return ()
        return (_WHO,)

    def verify(self, found: Anchors, chain: Chain) -> None:
        """Compare a bundle's anchors and its whole past.

        Raises:
            BundleFalse: the first that differs.
        """
        said = self.checkpoint.statement
        by = "the checkpoint"
        stated = Anchors(trusts.FORMAT, said.chain_id, said.contracts, said.members, said.head)
        verify_anchors(found, stated, by=by, hashes=said.headers == "ethereum")
        past = history_of_chain(chain)
        if past != said.history:
            where = f"lines 1 to {len(chain.entries)}, with the times of their blocks"
            claimed, follows = f"the history 0x{past.hex()}", f"0x{said.history.hex()}, by {by}"
            raise BundleFalse(TRANSACTIONS, where, claimed, follows)


Trusted = TrustFile | SignedAnchors


def decode(trust: bytes | None, signers: bytes | None = None) -> Trusted | None:
    """Read what a reader trusts: a trust file, a checkpoint that enough members signed, or nothing.

    Args:
        trust: the content of either.
        signers: the content of the list of members whom the reader knows. Without it, more than
            half of the members that a checkpoint lists must have signed it.

    Raises:
        InputError: neither, one that does not hold, or too few signatures that count.
    """
    if trust is None or not _is_checkpoint(trust):
        anchors = None if trust is None else trusts.decode_trust(trust)
        if signers is not None:
            raise InputError("there are no signatures to count; give signers with a checkpoint")
        return None if anchors is None else TrustFile(anchors)
    found = checkpoints.decode(trust)
    known = None if signers is None else checkpoints.decode_signers(signers)
    counted = checkpoints.require_signed(found, known or checkpoints.majority(found.statement))
    return SignedAnchors(found, known, counted)


def _is_checkpoint(data: bytes) -> bool:
    """Whether the document says that it is one, of whatever version."""
    try:
        value = canonical.parse(data, "document")
    except DecodeError:
        return False  # whoever reads it as a trust file says what is wrong with it
    kind = value.get("format") if isinstance(value, dict) else None
    family = checkpoints.FORMAT.rpartition("/")[0]
    return isinstance(kind, str) and kind.rpartition("/")[0] == family

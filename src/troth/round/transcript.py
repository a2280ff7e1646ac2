"""What binds a round together: the key chain, and the digests that challenges derive from.

Contract-side hashes are keccak-256 over ``abi.encode`` (`key_step`, `heads_digest`,
`transcript_digest`: they equal the Rounds contract's); the others are labelled SHA-256
(``domain/hashing.py``). Source: round protocol, sections 1, 3 and 4.

Keys come after commitments. The verify key, the challenge ρ under every tag and the pick of the
noise that is opened need a reveal of every member each, and a reveal is posted only after what the
key judges is fixed: the delivered set, the sums, everything published.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from eth_hash.auto import keccak

from troth.domain.hashing import integer, labelled
from troth.errors import TransitionRefused
from troth.ledger import abi
from troth.ledger.address import Address

KEY_TYPEHASH = keccak(b"troth/key/v1")
HEADS_TYPEHASH = keccak(b"troth/heads/v1")
TRANSCRIPT_TYPEHASH = keccak(b"troth/transcript/v1")
NONCE_SIZE = 16
_BYTES32 = abi.FixedBytes(32)
_LIST = abi.Array(_BYTES32)
_FIXED = (_BYTES32, abi.Uint(256), abi.AddressType(), _BYTES32, abi.Uint(32))
HEAD_LEVEL = 3
VERIFY_LEVEL, CHALLENGE_LEVEL, PICK_LEVEL = 2, 1, 0
"""What a member reveals of its key chain before shares are verified, before sums are tagged, and
before noise is picked: h²(k), h(k) and k itself."""
_MAX_KEY_TRIES = 2**16


@dataclass(frozen=True)
class RoundId:
    """One round of one study on one chain; part of everything that is hashed or sealed."""

    chain_id: int
    contract: Address
    """The Rounds contract."""
    study: bytes
    round: int

    def parts(self) -> tuple[bytes, ...]:
        """As the first parts of a labelled hash."""
        return (
            integer(self.chain_id),
            self.contract,
            self.study,
            integer(self.round),
        )


@dataclass(frozen=True)
class Reporter:
    """Who a report is from: a site, or a committee member's noise candidate."""

    role: str
    """``site`` or ``noise``."""
    party: Address
    """Site or member."""
    candidate: int
    """Number of the noise candidate; 0 for a site."""

    def parts(self) -> tuple[bytes, ...]:
        """As parts of a labelled hash."""
        return (self.role.encode(), self.party, integer(self.candidate))


def key_step(where: RoundId, member: Address, level: int, value: bytes) -> bytes:
    """One step of a member's key chain, as ``Rounds.keyStep``: a head is three of them."""
    types = (abi.AddressType(), abi.Uint(8), _BYTES32)
    return _contract_hash(KEY_TYPEHASH, where, types, (member, level, value))


def key_chain(where: RoundId, member: Address, key: bytes) -> tuple[bytes, ...]:
    """k, h(k), h²(k), h³(k) of a key k (32 OS bytes), by level: three reveals and the head."""
    chain = [key]
    for level in range(1, HEAD_LEVEL + 1):
        chain.append(key_step(where, member, level, chain[-1]))
    return tuple(chain)


def heads_digest(where: RoundId, heads: Sequence[bytes], hpke_keys: Sequence[bytes]) -> bytes:
    """What binds all heads and all per-round HPKE keys, in committee order."""
    return _contract_hash(HEADS_TYPEHASH, where, (_LIST, _LIST), (tuple(heads), tuple(hpke_keys)))


def transcript_digest(
    where: RoundId, heads: bytes, reports: Sequence[bytes], noise_lists: Sequence[bytes]
) -> bytes:
    """T: every report digest in terms order (zeros where absent), then every noise list."""
    types = (_BYTES32, _LIST, _LIST)
    return _contract_hash(
        TRANSCRIPT_TYPEHASH, where, types, (heads, tuple(reports), tuple(noise_lists))
    )


def _contract_hash(
    typehash: bytes, where: RoundId, types: Sequence[abi.Type], values: Sequence[Any]
) -> bytes:
    """keccak256(abi.encode(typehash, chain, contract, study, round, values…))."""
    fixed = (typehash, where.chain_id, where.contract, where.study, where.round)
    return keccak(abi.encode((*_FIXED, *types), (*fixed, *values)))


def report_nonce(where: RoundId, reporter: Reporter, heads: bytes) -> bytes:
    """The PINE nonce of a report: never chosen by the reporter, not known before the round.

    VDAF asks for a random nonce. Ours is public and derived; that is sound because zero knowledge
    holds for every query point t with t^P ≠ 1 as long as a report is queried once
    (``docs/security.md``, derived nonces).
    """
    return labelled("nonce", (*where.parts(), *reporter.parts(), heads), size=NONCE_SIZE)


def share_commitment(where: RoundId, reporter: Reporter, share: int, body: bytes) -> bytes:
    """C_j: commits to one encoded input share; hiding, since each holds fresh random bytes."""
    return labelled("share", (*where.parts(), *reporter.parts(), integer(share), body))


def delivered_digest(where: RoundId, transcript: bytes, delivered: int) -> bytes:
    """D: the transcript and which of its reports every holder could open."""
    return labelled("delivered", (*where.parts(), transcript, integer(delivered)))


def verify_key(
    where: RoundId,
    delivered: bytes,
    live: int,
    reveals: Sequence[bytes],
    usable: Callable[[bytes], bool],
    *,
    size: int,
) -> bytes:
    """The verify key: the least counter whose key gives no degenerate query point.

    Args:
        where: the round.
        delivered: D.
        live: bitmap of the members that take part (in A and B3: all).
        reveals: h²(k_j) of each of them, in committee order.
        usable: whether no query point t of any delivered report has t^P = 1 under a key.
        size: bytes of a verify key of the PINE variant, at most 32.
    """
    for counter in range(_MAX_KEY_TRIES):
        fixed = (*where.parts(), delivered, integer(live), *reveals)
        key = labelled("verify-key", (*fixed, counter.to_bytes(4, "big")), size=size)
        if usable(key):
            return key
    raise TransitionRefused("Keyed", "commitFile", "no usable verify key: the field is too small")


def verdict_digest(
    where: RoundId, verify_key: bytes, live: int, files: Sequence[bytes], accepted: int
) -> bytes:
    """V: the verify key, the digests of the verifier files that count, by member, and S."""
    fixed = (*where.parts(), verify_key, integer(live))
    return labelled("verdict", (*fixed, *files, integer(accepted)))


def sum_digest(where: RoundId, member: Address, accepted: int, sums: bytes) -> bytes:
    """What binds a member to its sums over the accepted set before anyone sees them.

    Args:
        where: the round.
        member: whose sums they are: a copy of the digest is worth nothing to another member.
        accepted: S.
        sums: A_j and the sum of its masks R_j, encoded one after the other.
    """
    return labelled("sum", (*where.parts(), member, integer(accepted), sums))


def sum_header(where: RoundId, share: int, accepted: int) -> bytes:
    """What stands before a sum that several members must agree on (modes B3 and B4).

    The blob, header and sum, has the digest that its holders are bound by. No member is in it, so
    that equal sums have equal digests.

    Args:
        where: the round.
        share: number of the share that was summed up.
        accepted: S.
    """
    return labelled("replicated-sum", (*where.parts(), integer(share), integer(accepted)))


def sums_digest(where: RoundId, verdict: bytes, sums: Sequence[bytes]) -> bytes:
    """T': the verdict and all sum digests, by member and share."""
    return labelled("sums", (*where.parts(), verdict, *sums))


def challenge_seed(where: RoundId, sums: bytes, reveals: Sequence[bytes]) -> bytes:
    """The seed of ρ: unknown to everybody until all sums are bound (T') and h(k_j) revealed."""
    return labelled("rho", (*where.parts(), sums, *reveals))


def published_digest(
    where: RoundId, sums: bytes, reveals: Sequence[bytes], publications: Sequence[bytes]
) -> bytes:
    """T'': T', the reveals that ρ came from, and every member's publication digest.

    Where sums are compared, there is neither: the sum digests name what will be published.
    """
    return labelled("published", (*where.parts(), sums, *reveals, *publications))


def kept_candidate(
    where: RoundId, published: bytes, live: int, keys: Sequence[bytes], member: int, candidates: int
) -> int:
    """c*: the one noise candidate of a member that is not opened.

    Unknown to everybody until everything is published (T'') and all k_j are revealed.

    Args:
        where: the round.
        published: T''.
        live: bitmap of the members that take part (in A and B3: all).
        keys: k_j of each of them, in committee order.
        member: index of the member.
        candidates: M, a power of two.
    """
    fixed = (*where.parts(), published, integer(live), *keys, integer(member))
    return int.from_bytes(labelled("pick", fixed, size=8), "big") % candidates


def bits(bitmap: int) -> Iterator[int]:
    """Positions of the set bits, ascending."""
    return (place for place in range(bitmap.bit_length()) if bitmap >> place & 1)

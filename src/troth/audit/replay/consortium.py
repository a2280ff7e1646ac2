"""Who belongs to the consortium: the Consortium contract as plain Python."""

from collections.abc import Sequence
from enum import IntEnum

from eth_hash.auto import keccak

from troth.errors import ContractRefused
from troth.ledger import abi
from troth.ledger.address import ZERO, Address
from troth.ledger.bindings import consortium
from troth.round.machine import Emitted

SITE, AGGREGATOR = 1, 2
ALL_ROLES = 31
"""Site, aggregator, authority, auditor, overseer."""

_MOTION_TYPEHASH = keccak(b"troth/motion/v1")


class _Kind(IntEnum):
    ADMISSION = 0
    REMOVAL = 1


def _refuse(name: str, **arguments: object) -> ContractRefused:
    return ContractRefused("Consortium", name, arguments)


class ConsortiumModel:
    """Members, their roles, and the votes of the present epoch."""

    def __init__(self) -> None:
        self.roles: dict[Address, int] = {}
        self.epoch = 0
        self._votes: dict[bytes, set[Address]] = {}

    @property
    def quorum(self) -> int:
        """Votes that carry a motion now."""
        return len(self.roles) // 2 + 1

    def roles_of(self, account: Address) -> int:
        """Role set of a member; 0 when it is none."""
        return self.roles.get(account, 0)

    def construct(
        self, members: Sequence[Address], roles: Sequence[int], label_hashes: Sequence[bytes]
    ) -> list[Emitted]:
        """What the constructor does: the founders join in their order."""
        if not members:
            raise _refuse("NoMembers")
        counts = {"members": len(members), "roles": len(roles), "label_hashes": len(label_hashes)}
        if len(set(counts.values())) > 1:
            raise _refuse("LengthsDiffer", **counts)
        events = []
        for member, role, label_hash in zip(members, roles, label_hashes, strict=True):
            self._require_admissible(member, role)
            events.append(self._admit(member, role, label_hash))
        return events

    def vote_admission(
        self, sender: Address, candidate: Address, roles: int, label_hash: bytes
    ) -> list[Emitted]:
        """A member votes to admit a candidate."""
        self._require_member(sender)
        self._require_admissible(candidate, roles)
        motion = _motion(
            (_Kind.ADMISSION, candidate, roles, label_hash, self.epoch),
            (abi.Uint(8), abi.AddressType(), abi.Uint(8), abi.FixedBytes(32), abi.Uint(32)),
        )
        voted, carried = self._vote(motion, sender)
        if not carried:
            return [voted]
        self.epoch += 1
        return [voted, self._admit(candidate, roles, label_hash)]

    def vote_removal(self, sender: Address, member: Address) -> list[Emitted]:
        """A member votes to remove one, itself perhaps."""
        self._require_member(sender)
        self._require_member(member)
        if len(self.roles) == 1:
            raise _refuse("LastMember", member=member)
        motion = _motion(
            (_Kind.REMOVAL, member, self.epoch), (abi.Uint(8), abi.AddressType(), abi.Uint(32))
        )
        voted, carried = self._vote(motion, sender)
        if not carried:
            return [voted]
        self.epoch += 1
        del self.roles[member]
        return [voted, Emitted("Consortium", consortium.MemberRemoved(member))]

    def _vote(self, motion: bytes, sender: Address) -> tuple[Emitted, bool]:
        voters = self._votes.setdefault(motion, set())
        if sender in voters:
            raise _refuse("AlreadyVoted", motion=motion, member=sender)
        voters.add(sender)
        event = consortium.MotionVoted(motion, sender, len(voters), self.quorum)
        return Emitted("Consortium", event), len(voters) >= self.quorum

    def _admit(self, member: Address, roles: int, label_hash: bytes) -> Emitted:
        self.roles[member] = roles
        return Emitted("Consortium", consortium.MemberAdmitted(member, roles, label_hash))

    def _require_member(self, account: Address) -> None:
        if account not in self.roles:
            raise _refuse("NotMember", account=account)

    def _require_admissible(self, candidate: Address, roles: int) -> None:
        if candidate == ZERO:
            raise _refuse("ZeroMember")
        if not 0 < roles <= ALL_ROLES:
            raise _refuse("UnknownRoles", roles=roles)
        if candidate in self.roles:
            raise _refuse("AlreadyMember", account=candidate)


def _motion(values: tuple[object, ...], types: tuple[abi.Type, ...]) -> bytes:
    return keccak(abi.encode((abi.FixedBytes(32), *types), (_MOTION_TYPEHASH, *values)))

"""The consortium's vote to let a study go on that too many unattributed aborts have paused.

The vote ends the pause, and gives those sites their accusations back that it says. A motion binds
the membership that it was put to and all that has gone wrong so far: nobody forgives in advance.
"""

from eth_hash.auto import keccak

from troth.ledger import abi
from troth.ledger.address import Address
from troth.ledger.bindings import rounds
from troth.ledger.interface import Event
from troth.round.call import Surroundings, refusal
from troth.round.record import Progress, Shape
from troth.round.transcript import bits

RESUME_TYPEHASH = keccak(b"troth/resume/v1")
_PLACE = (abi.FixedBytes(32), abi.Uint(256), abi.AddressType(), abi.FixedBytes(32))
_MOTION = (*_PLACE, abi.Uint(32), abi.Uint(32), abi.Uint(256), abi.Uint(32))


def vote_to_resume(
    place: tuple[int, Address, bytes],
    sender: Address,
    restored: int,
    progress: Progress,
    shape: Shape,
    ask: Surroundings,
) -> list[Event]:
    """A member of the consortium votes; a quorum carries.

    Args:
        place: the chain, the Rounds contract and the study.
        sender: who votes.
        restored: bitmap of the sites that get their accusations back.
        progress: how far the study is.
        shape: the study's bitmaps.
        ask: the other contracts.

    Raises:
        ContractRefused: the contract's custom error.
    """
    study_id, every = place[2], (1 << shape.sites) - 1
    if not ask.roles_of(sender):
        raise refusal("NotMember", account=sender)
    if not progress.rounds:
        raise refusal("UnknownStudy", study_id=study_id)
    if restored & ~every:
        raise refusal("WrongBitmap", allowed=every, given=restored)
    binds = (progress.resumptions, progress.aborts, restored, ask.epoch())
    motion = keccak(abi.encode(_MOTION, (RESUME_TYPEHASH, *place, *binds)))
    voters = progress.resume_votes.setdefault(motion, set())
    if sender in voters:
        raise refusal("AlreadyVoted", motion=motion, member=sender)
    voters.add(sender)
    needed = ask.quorum()
    events: list[Event] = [rounds.ResumeVoted(study_id, sender, restored, len(voters), needed)]
    if len(voters) >= needed:
        progress.unattributed = 0
        progress.resumptions += 1
        for site in bits(restored):
            progress.used.pop(site, None)
        events.append(rounds.Resumed(study_id, progress.resumptions, restored))
    return events

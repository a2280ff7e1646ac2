"""Consortium: founders, admission, removal, and what a vote is worth."""

import pytest
from eth_abi.abi import encode
from eth_hash.auto import keccak

from troth.errors import ContractRefused
from troth.ledger import artifact
from troth.ledger.bindings import consortium
from troth.ledger.bindings.consortium import MemberAdmitted, MemberRemoved, MotionVoted

LABEL = bytes(range(32))
QUORUM = ["s1", "s2", "s3", "s4", "s5"]  # five of nine


@pytest.fixture
def found(world, account):
    """Deploys another consortium with these founders and binds it."""

    def deploy(*roles, names=("s1", "s2", "s3"), labels=None):
        members = tuple(account(name).address for name in names)
        labels = (LABEL,) * len(members) if labels is None else labels
        world.ledger.deploy(
            account("deployer"), artifact.load("Consortium"), (members, tuple(roles), labels)
        )

    return deploy


def test_founders_are_members_with_their_roles(world, account):
    assert world.ask(consortium.roles_of(account("s1").address)) == 1
    assert world.ask(consortium.roles_of(account("a1").address)) == 2
    assert world.ask(consortium.is_member(account("u1").address))
    assert not world.ask(consortium.is_member(account("stranger").address))
    assert world.ask(consortium.roles_of(account("stranger").address)) == 0
    assert world.ask(consortium.active_members()) == 9
    assert world.ask(consortium.epoch()) == 0


@pytest.mark.parametrize(("members", "quorum"), [(1, 1), (2, 2), (3, 2), (4, 3)])
def test_quorum_is_more_than_half(world, found, members, quorum):
    found(*[1] * members, names=("s1", "s2", "s3", "s4")[:members])
    assert world.ask(consortium.quorum()) == quorum


@pytest.mark.parametrize(
    ("roles", "names", "labels", "error"),
    [
        ((), (), (), ("NoMembers",)),
        ((1,), ("s1", "s2"), (LABEL, LABEL), ("LengthsDiffer", 2, 1, 2)),
        ((1, 1), ("s1", "s2"), (LABEL,), ("LengthsDiffer", 2, 2, 1)),
        ((1, 0), ("s1", "s2"), None, ("UnknownRoles", 0)),
        ((1, 32), ("s1", "s2"), None, ("UnknownRoles", 32)),
    ],
)
def test_founders_are_checked(found, roles, names, labels, error):
    with pytest.raises(ContractRefused) as caught:
        found(*roles, names=names, labels=labels)
    assert (caught.value.name, *caught.value.arguments.values()) == error


def test_the_same_founder_twice_is_refused(found, account):
    with pytest.raises(ContractRefused) as caught:
        found(1, 1, names=("s1", "s1"))
    assert caught.value.arguments == {"account": account("s1").address}
    assert caught.value.name == "AlreadyMember"


def test_the_vote_that_reaches_the_quorum_admits(world, account):
    new = account("stranger").address
    call = consortium.vote_admission(new, 3, LABEL)
    for count, name in enumerate(QUORUM[:-1], 1):
        (event,) = world.events(name, call)
        assert isinstance(event, MotionVoted)
        assert (event.member, event.votes, event.needed) == (account(name).address, count, 5)
        assert not world.ask(consortium.is_member(new))
    voted, admitted = world.events(QUORUM[-1], call)
    assert voted.votes == 5
    assert admitted == MemberAdmitted(new, 3, LABEL)
    assert world.ask(consortium.roles_of(new)) == 3
    assert world.ask(consortium.active_members()) == 10
    assert world.ask(consortium.quorum()) == 6
    assert world.ask(consortium.epoch()) == 1


def test_the_vote_that_reaches_the_quorum_removes(world, account):
    gone = account("a3").address
    for name in QUORUM[:-1]:
        world.send(name, consortium.vote_removal(gone))
    events = world.events(QUORUM[-1], consortium.vote_removal(gone))
    assert events[1] == MemberRemoved(gone)
    assert world.ask(consortium.roles_of(gone)) == 0
    assert world.ask(consortium.active_members()) == 8
    assert world.refuses("a3", consortium.vote_removal(account("a2").address)) == (
        "NotMember",
        gone,
    )


def test_motion_ids_bind_kind_arguments_and_epoch(world, account):
    new, gone = account("stranger").address, account("a3").address
    (admission,) = world.events("s1", consortium.vote_admission(new, 3, LABEL))
    (removal,) = world.events("s1", consortium.vote_removal(gone))
    typehash = keccak(b"troth/motion/v1")
    assert admission.motion == keccak(
        encode(
            ["bytes32", "uint8", "address", "uint8", "bytes32", "uint32"],
            [typehash, 0, bytes(new), 3, LABEL, 0],
        )
    )
    assert removal.motion == keccak(
        encode(["bytes32", "uint8", "address", "uint32"], [typehash, 1, bytes(gone), 0])
    )


def test_votes_for_other_roles_or_another_label_are_for_another_motion(world, account):
    new = account("stranger").address
    for name in QUORUM[:-1]:
        world.send(name, consortium.vote_admission(new, 1, LABEL))
    (event,) = world.events(QUORUM[-1], consortium.vote_admission(new, 2, LABEL))
    assert event.votes == 1
    (event,) = world.events(QUORUM[-1], consortium.vote_admission(new, 1, bytes(32)))
    assert event.votes == 1
    assert not world.ask(consortium.is_member(new))


def test_votes_lapse_when_membership_changes(world, account):
    new, gone = account("stranger").address, account("a3").address
    for name in QUORUM[:-1]:
        world.send(name, consortium.vote_admission(new, 1, LABEL))
    for name in QUORUM:
        world.send(name, consortium.vote_removal(gone))
    (event,) = world.events(QUORUM[-1], consortium.vote_admission(new, 1, LABEL))
    assert event.votes == 1
    (event,) = world.events(QUORUM[0], consortium.vote_admission(new, 1, LABEL))
    assert event.votes == 2


def test_a_removed_member_can_be_voted_in_again_and_out_again(world, account):
    who = account("a3").address
    for name in QUORUM:
        world.send(name, consortium.vote_removal(who))
    for name in QUORUM:
        world.send(name, consortium.vote_admission(who, 4, LABEL))
    assert world.ask(consortium.roles_of(who)) == 4
    (event,) = world.events(QUORUM[0], consortium.vote_removal(who))
    assert event.votes == 1
    assert world.ask(consortium.epoch()) == 2


def test_a_member_votes_once(world, account):
    call = consortium.vote_removal(account("a3").address)
    (event,) = world.events("s1", call)
    assert world.refuses("s1", call) == ("AlreadyVoted", event.motion, account("s1").address)


def test_a_stranger_has_no_vote(world, account):
    stranger = account("stranger").address
    admission = consortium.vote_admission(stranger, 1, LABEL)
    assert world.refuses("stranger", admission) == ("NotMember", stranger)
    removal = consortium.vote_removal(account("s1").address)
    assert world.refuses("stranger", removal) == ("NotMember", stranger)


def test_who_may_be_admitted(world, account):
    member, stranger = account("s2").address, account("stranger").address
    for candidate, roles, error in [
        (member, 1, ("AlreadyMember", member)),
        (stranger, 0, ("UnknownRoles", 0)),
        (stranger, 64, ("UnknownRoles", 64)),
        (type(stranger)(bytes(20)), 1, ("ZeroMember",)),
    ]:
        call = consortium.vote_admission(candidate, roles, LABEL)
        assert world.refuses("s1", call) == error


def test_only_a_member_can_be_removed_and_never_the_last(world, account, found):
    stranger, last = account("stranger").address, account("s1").address
    assert world.refuses("s1", consortium.vote_removal(stranger)) == ("NotMember", stranger)
    found(1, names=("s1",))
    assert world.refuses("s1", consortium.vote_removal(last)) == ("LastMember", last)

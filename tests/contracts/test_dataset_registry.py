"""DatasetRegistry: versions, lineages, grants."""

import pytest
from eth_abi.abi import encode

from troth.errors import ContractRefused
from troth.ledger import artifact
from troth.ledger.address import ZERO
from troth.ledger.bindings import consortium, dataset_registry, structs
from troth.ledger.bindings.dataset_registry import Granted, Revoked, VersionRegistered

FIRST = bytes(32)


@pytest.fixture
def granted(world):
    """The version of s1, and a study (not the usual one) that names it."""
    study = world.propose(world.make_terms(), "another")
    return world.versions["s1"], study


def test_a_first_version_founds_a_lineage(world, account, digest):
    (event,) = world.events("s1", dataset_registry.register(digest("r"), 7, FIRST))
    holder = account("s1").address
    assert event == VersionRegistered(event.version, event.version, holder, FIRST, digest("r"), 7)
    assert world.ask(dataset_registry.version_of(event.version)) == structs.Version(
        holder, 7, event.version, FIRST, digest("r")
    )
    assert world.ask(dataset_registry.holder_of_lineage(event.lineage)) == holder


def test_a_version_id_binds_chain_contract_holder_and_content(world, account, digest):
    (event,) = world.events("s1", dataset_registry.register(digest("r"), 7, FIRST))
    types = ["bytes32", "uint256", "address", "address", "bytes32", "bytes32", "uint32"]
    values = [
        digest("troth/version/v1"),
        world.ledger.chain_id,
        bytes(world.addresses["DatasetRegistry"]),
        bytes(account("s1").address),
        FIRST,
        digest("r"),
        7,
    ]
    assert event.version == digest(encode(types, values))


def test_a_later_version_inherits_the_lineage(world, account, digest):
    first = world.versions["s1"]
    (child,) = world.events("s1", dataset_registry.register(digest("r2"), 200, first))
    (grandchild,) = world.events("s1", dataset_registry.register(digest("r3"), 1, child.version))
    assert child.lineage == grandchild.lineage == first
    assert world.ask(dataset_registry.version_of(grandchild.version)).parent == child.version
    assert world.ask(dataset_registry.holder_of_lineage(child.version)) == ZERO
    assert world.ask(dataset_registry.holder_of_lineage(first)) == account("s1").address


def test_nobody_holds_an_unknown_lineage(world, digest):
    assert world.ask(dataset_registry.holder_of_lineage(digest("no such lineage"))) == ZERO
    assert world.ask(dataset_registry.version_of(digest("none"))).holder == ZERO


def test_registering_needs_the_role_site(world, account, digest):
    call = dataset_registry.register(digest("r"), 7, FIRST)
    assert world.refuses("a1", call) == ("NotSite", account("a1").address)
    assert world.refuses("stranger", call) == ("NotSite", account("stranger").address)


def test_what_is_registered_must_be_something(world, digest):
    register = dataset_registry.register
    assert world.refuses("s1", register(bytes(32), 7, FIRST)) == ("ZeroRoot",)
    assert world.refuses("s1", register(digest("r"), 0, FIRST)) == ("ZeroRecordBound",)


def test_a_version_is_registered_once(world, digest):
    call = dataset_registry.register(digest("r"), 7, FIRST)
    (event,) = world.events("s1", call)
    assert world.refuses("s1", call) == ("VersionExists", event.version)
    (other,) = world.events("s2", call)
    assert other.version != event.version


def test_a_root_stays_in_its_lineage(world, digest):
    register, first = dataset_registry.register, world.versions["s1"]
    root = digest("root s1")  # the root of the first version
    assert world.refuses("s1", register(root, 101, FIRST)) == ("RootInAnotherLineage", root, first)
    (child,) = world.events(
        "s1", register(root, 101, first)
    )  # within the lineage it may stand again
    (other,) = world.events("s1", register(digest("r"), 7, FIRST))
    refused = ("RootInAnotherLineage", root, first)
    assert world.refuses("s1", register(root, 101, other.version)) == refused
    assert child.lineage == first
    (theirs,) = world.events(
        "s2", register(root, 101, FIRST)
    )  # another holder's are not known here
    assert theirs.lineage == theirs.version


def test_a_parent_must_be_known_and_ones_own(world, account, digest):
    register, theirs = dataset_registry.register, world.versions["s2"]
    assert world.refuses("s1", register(digest("r"), 7, theirs)) == (
        "NotHolder",
        theirs,
        account("s1").address,
    )
    unknown = digest("no version")
    assert world.refuses("s1", register(digest("r"), 7, unknown)) == ("UnknownVersion", unknown)


def test_a_grant_is_given_and_taken_back(world, granted):
    version, study = granted
    assert world.events("s1", dataset_registry.grant(version, study)) == [Granted(version, study)]
    assert world.ask(dataset_registry.is_granted(version, study))
    assert world.events("s1", dataset_registry.revoke(version, study)) == [Revoked(version, study)]
    assert not world.ask(dataset_registry.is_granted(version, study))
    world.send("s1", dataset_registry.grant(version, study))
    assert world.ask(dataset_registry.is_granted(version, study))
    assert not world.ask(dataset_registry.is_granted(world.versions["s2"], study))


def test_only_the_holder_grants_and_revokes(world, account, granted, digest):
    version, study = granted
    for make in (dataset_registry.grant, dataset_registry.revoke):
        refused = world.refuses("s2", make(version, study))
        assert refused == ("NotHolder", version, account("s2").address)
        unknown = digest("no version")
        assert world.refuses("s1", make(unknown, study)) == ("UnknownVersion", unknown)


def test_a_grant_is_for_a_study_that_names_the_version(world, granted, digest):
    version, study = granted
    unknown = digest("no study")
    assert world.refuses("s1", dataset_registry.grant(version, unknown)) == (
        "UnknownStudy",
        unknown,
    )
    (other,) = world.events("s1", dataset_registry.register(digest("r"), 7, FIRST))
    assert world.refuses("s1", dataset_registry.grant(other.version, study)) == (
        "NotInStudy",
        other.version,
        study,
    )


def test_grants_are_not_doubled_nor_revoked_twice(world, granted):
    version, study = granted
    revoke = dataset_registry.revoke(version, study)
    assert world.refuses("s1", revoke) == ("NotGranted", version, study)
    world.send("s1", dataset_registry.grant(version, study))
    again = dataset_registry.grant(version, study)
    assert world.refuses("s1", again) == ("AlreadyGranted", version, study)


def test_a_holder_that_left_can_still_revoke(world, account, granted):
    version, study = granted
    world.send("s1", dataset_registry.grant(version, study))
    for name in ("a1", "a2", "a3", "s2", "s3"):
        world.send(name, consortium.vote_removal(account("s1").address))
    world.send("s1", dataset_registry.revoke(version, study))
    assert not world.ask(dataset_registry.is_granted(version, study))


@pytest.mark.parametrize("missing", [0, 1])
def test_references_must_be_given(world, account, missing):
    references = [world.addresses["Consortium"], world.addresses["StudyRegistry"]]
    references[missing] = ZERO
    with pytest.raises(ContractRefused, match="ZeroReference"):
        world.ledger.deploy(account("deployer"), artifact.load("DatasetRegistry"), references)

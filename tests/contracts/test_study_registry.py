"""StudyRegistry: what may be proposed, when a study is active, what a round costs."""

from dataclasses import astuple, fields, replace
from itertools import product
from typing import Any

import pytest
from eth_abi.abi import encode

from troth.errors import ContractRefused
from troth.ledger import artifact
from troth.ledger.address import ZERO
from troth.ledger.bindings import consortium, dataset_registry, structs, study_registry
from troth.ledger.bindings.study_registry import StudyActivated, StudyApproved, StudyProposed

WINDOWS = [window.name for window in fields(structs.Windows)]
SOLIDITY = {"commit_file": "commitFile", "commit_sum": "commitSum", "open_noise": "openNoise"}
TERMS_TYPE = (
    "(uint8,uint8,uint8,uint8,uint8,bool,uint32,uint32,uint32,uint64,uint64,uint128,"
    f"({','.join(['uint32'] * len(WINDOWS))}),"
    "address[],(address,uint32,bytes32,bytes32)[])"
)


def ascii_field(name):
    return name.encode().ljust(32, b"\0")


@pytest.fixture
def remove(world, account):
    """Votes a member out of the consortium."""

    def vote(name):
        target = account(name).address
        for voter in ("s1", "s2", "s3", "s4", "s5", "a1", "a2", "a3", "u1"):
            if world.ask(consortium.is_member(target)) and voter != name:
                world.send(voter, consortium.vote_removal(target))

    return vote


def test_a_proposal_is_kept_as_it_was_made(world, account, digest):
    terms = world.make_terms()
    (event,) = world.events("u1", study_registry.propose(digest("t"), terms))
    assert event == StudyProposed(event.study_id, digest("t"), account("u1").address)
    assert world.ask(study_registry.terms_of(event.study_id)) == terms
    assert world.ask(study_registry.exists(event.study_id))
    assert not world.ask(study_registry.is_active(event.study_id))
    assert not world.ask(study_registry.exists(digest("no study")))
    assert not world.ask(study_registry.is_active(digest("no study")))


def test_a_study_id_binds_chain_contract_terms_digest_and_struct(world, digest):
    terms = world.make_terms()
    words = list(astuple(terms))
    words[13] = [bytes(member) for member in terms.committee]
    words[14] = [(bytes(a), w, v, lineage) for a, w, v, lineage in words[14]]
    chain, contract = world.ledger.chain_id, bytes(world.addresses["StudyRegistry"])
    expected = digest(
        encode(
            ["bytes32", "uint256", "address", "bytes32", TERMS_TYPE],
            [digest("troth/study/v1"), chain, contract, digest("t"), tuple(words)],
        )
    )
    assert world.ask(study_registry.study_id_of(digest("t"), terms)) == expected
    assert world.propose(terms, "t") == expected


def test_parties_are_numbered(world, account):
    def number(call):
        return world.ask(call)

    for index, name in enumerate(("s1", "s2", "s3", "s4", "s5"), 1):
        address = account(name).address
        assert number(study_registry.site_number(world.study, address)) == index
        assert number(study_registry.committee_number(world.study, address)) == 0
    for index, name in enumerate(("a1", "a2"), 1):
        address = account(name).address
        assert number(study_registry.committee_number(world.study, address)) == index
        assert number(study_registry.site_number(world.study, address)) == 0
    outsider = account("a3").address
    assert number(study_registry.committee_number(world.study, outsider)) == 0
    assert world.ask(study_registry.names_version(world.study, world.versions["s5"]))
    assert not world.ask(study_registry.names_version(world.study, bytes(32)))


def test_only_a_member_proposes_and_once(world, account, digest):
    call = study_registry.propose(digest("t"), world.make_terms())
    stranger = account("stranger").address
    assert world.refuses("stranger", call) == ("NotMember", stranger)
    study = world.propose(world.make_terms(), "t")
    assert world.refuses("s1", call) == ("StudyExists", study)


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("mode", {"mode": 3}),
        ("mode", {"mode": 255}),
        ("committee", {"mode": 1}),
        ("committee", {"mode": 2}),
        ("honest", {"honest": 0}),
        ("honest", {"honest": 2}),
        *(("noiseCandidates", {"noise_candidates": m}) for m in (0, 1, 3, 5, 6, 7, 9, 16, 255)),
        ("accusations", {"accusations": 0}),
        ("corruptSites", {"corrupt_sites": 3}),
        ("corruptSites", {"corrupt_sites": 255}),
        ("rounds", {"rounds": 0}),
        ("rounds", {"rounds": 10**6 + 1}),
        ("maxAborts", {"max_aborts": 10**4 + 1}),
        ("minSites", {"min_sites": 0}),
        ("minSites", {"min_sites": 6}),
        ("minWeight", {"min_weight": 0}),
        ("minWeight", {"min_weight": 9}),
        ("clip", {"clip": 0}),
        ("noiseVariance", {"noise_variance": 3}),
        ("price", {"clip": 2**32}),
        ("sites", {"sites": ()}),
        ("committee", {"committee": ()}),
    ],
)
def test_terms_out_of_range_are_named(world, digest, field, changes):
    call = study_registry.propose(digest("t"), world.make_terms(**changes))
    assert world.refuses("a1", call) == ("TermsInvalid", ascii_field(field))


@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("seconds", [0, 30 * 24 * 60 * 60 + 1])
def test_every_window_is_between_a_second_and_thirty_days(world, digest, window, seconds):
    windows = replace(world.terms.windows, **{window: seconds})
    call = study_registry.propose(digest("t"), world.make_terms(windows=windows))
    name = "windows." + SOLIDITY.get(window, window)
    assert world.refuses("a1", call) == ("TermsInvalid", ascii_field(name))


def test_the_terms_need_a_digest(world):
    call = study_registry.propose(bytes(32), world.make_terms())
    assert world.refuses("a1", call) == ("TermsInvalid", ascii_field("termsDigest"))


def test_limits_are_taken(world, account):
    committee = tuple(account(name).address for name in ("a1", "a2", "a3"))
    limits: dict[str, dict[str, Any]] = {
        "largest quorum": {"min_sites": 5, "min_weight": 8},
        "smallest": {"min_sites": 1, "min_weight": 1, "noise_variance": 4, "clip": 1},
        "three members": {"committee": committee, "honest": 2},
        "widest": {"rounds": 10**6, "max_aborts": 10**4, "noise_variance": 2**128 - 1},
        "slowest": {"windows": structs.Windows(*[30 * 24 * 60 * 60] * len(WINDOWS))},
        "all sites but one corrupt": {"corrupt_sites": 2},
        "every site": {"every_site": True, "accusations": 255},
        "one accusation": {"accusations": 1},
        "four candidates": {"noise_candidates": 4},
        "eight candidates": {"noise_candidates": 8, "committee": committee},
        "fastest": {"windows": structs.Windows(*[1] * len(WINDOWS))},
    }
    for label, changes in limits.items():
        world.propose(world.make_terms(**changes), label)


MODES = {"A": 0, "B3": 1, "B4": 2}


@pytest.mark.parametrize(
    ("mode", "members", "honest"),
    [
        ("A", (2, 3, 4, 5), lambda members: members - 1),
        ("B3", (3,), lambda _: 2),
        ("B4", (4,), lambda _: 2),
    ],
)
def test_a_mode_says_how_many_members_there_are_and_how_many_are_honest(
    council, account, digest, mode, members, honest
):
    for count, claimed in product(range(1, 7), range(5)):
        committee = tuple(account(f"a{j}").address for j in range(1, count + 1))
        terms = replace(council.terms, committee=committee, honest=claimed, mode=MODES[mode])
        call = study_registry.propose(digest(f"{count}, {claimed}"), terms)
        if count not in members:
            assert council.refuses("a1", call) == ("TermsInvalid", ascii_field("committee"))
        elif not 1 <= claimed <= honest(count):
            assert council.refuses("a1", call) == ("TermsInvalid", ascii_field("honest"))
        else:
            council.send("a1", call)


@pytest.mark.parametrize(("mode", "spare"), [("A", 1), ("B3", 1), ("B4", 2)])
def test_a_quorum_holds_enough_voters_beside_the_corrupt(council, account, digest, mode, spare):
    members = {"A": 2, "B3": 3, "B4": 4}[mode]
    committee = tuple(account(f"a{j}").address for j in range(1, members + 1))
    for corrupt in (0, 1, 255):
        terms = replace(council.terms, mode=MODES[mode], committee=committee, corrupt_sites=corrupt)
        call = study_registry.propose(digest(f"{corrupt}"), terms)
        if corrupt + spare > terms.min_sites:
            assert council.refuses("a1", call) == ("TermsInvalid", ascii_field("corruptSites"))
        else:
            council.send("a1", call)


def test_a_site_has_a_weight(world, digest):
    sites = (replace(world.terms.sites[0], weight=0), *world.terms.sites[1:])
    call = study_registry.propose(digest("t"), world.make_terms(sites=sites))
    assert world.refuses("a1", call) == ("TermsInvalid", ascii_field("sites.weight"))


def test_a_study_has_at_most_64_sites_and_5_members(world, account, digest):
    sites = tuple(world.site(f"x{i}") for i in range(65))
    call = study_registry.propose(digest("t"), world.make_terms(sites=sites))
    assert world.refuses("a1", call) == ("TermsInvalid", ascii_field("sites"))
    committee = tuple(account(f"x{i}").address for i in range(6))
    call = study_registry.propose(digest("t"), world.make_terms(committee=committee))
    assert world.refuses("a1", call) == ("TermsInvalid", ascii_field("committee"))


def test_the_committee_are_aggregators_and_distinct(world, account, digest):
    def refused(*names):
        committee = tuple(account(name).address for name in names)
        terms = world.make_terms(committee=committee)
        return world.refuses("a1", study_registry.propose(digest("t"), terms))

    assert refused("a1", "u1") == ("NotAggregator", account("u1").address)
    assert refused("a1", "stranger") == ("NotAggregator", account("stranger").address)
    twice = bytes(12) + account("a1").address
    assert refused("a1", "a1") == ("DuplicateParty", twice)


def test_no_site_sits_on_the_committee(world, account, digest):
    both = account("both").address
    for name in ("s1", "s2", "s3", "s4", "s5"):
        world.send(name, consortium.vote_admission(both, 3, bytes(32)))
    (event,) = world.events("both", dataset_registry.register(digest("root"), 1, bytes(32)))
    world.versions["both"] = event.version
    terms = world.make_terms(
        sites=(*world.terms.sites, world.site("both")),
        committee=(account("a1").address, both),
    )
    del world.versions["both"]
    call = study_registry.propose(digest("t"), terms)
    assert world.refuses("a1", call) == ("SiteOnCommittee", both)


def test_sites_are_sites_of_the_consortium(world, account, digest):
    for name in ("a3", "stranger"):
        terms = world.make_terms(sites=(*world.terms.sites, world.site(name)))
        call = study_registry.propose(digest("t"), terms)
        assert world.refuses("a1", call) == ("NotSite", account(name).address)


def test_accounts_versions_and_lineages_stand_once(world, account, digest):
    first = world.terms.sites[0]

    def refused(**changes):
        sites = (*world.terms.sites[:2], replace(world.site("s3"), **changes))
        terms = world.make_terms(sites=sites, min_sites=1, min_weight=1)
        return world.refuses("a1", study_registry.propose(digest("t"), terms))

    party = bytes(12) + first.account
    assert refused(account=first.account) == ("DuplicateParty", party)
    assert refused(version=first.version) == ("DuplicateParty", first.version)
    assert refused(lineage=first.lineage) == ("DuplicateParty", first.lineage)


def test_a_version_belongs_to_its_site_and_lineage(world, account, digest):
    (event,) = world.events("s1", dataset_registry.register(digest("r"), 7, world.versions["s1"]))
    child = replace(world.terms.sites[0], version=event.version)
    others = world.terms.sites[1:]
    world.propose(world.make_terms(sites=(child, *others)), "a later version is fine")
    for wrong in (
        replace(child, lineage=event.version),
        replace(child, version=digest("no version")),
        replace(child, version=world.versions["s5"], lineage=world.versions["s5"]),
    ):
        terms = world.make_terms(sites=(wrong, *others[:-1]), min_weight=1)
        call = study_registry.propose(digest("t"), terms)
        error = ("VersionMismatch", wrong.version, account("s1").address)
        assert world.refuses("a1", call) == error


def test_a_refused_proposal_leaves_nothing(world, account, digest):
    terms = world.make_terms(committee=(account("a1").address, account("u1").address))
    world.refuses("a1", study_registry.propose(digest("t"), terms))
    study = world.ask(study_registry.study_id_of(digest("t"), terms))
    assert not world.ask(study_registry.exists(study))
    assert world.ask(study_registry.site_number(study, account("s1").address)) == 0


def test_every_holder_and_a_quorum_activate(world, account):
    sites = world.terms.sites[:2]
    study = world.propose(world.make_terms(sites=sites, min_sites=1, min_weight=1), "two sites")
    for name in ("a1", "a2", "a3", "u1", "s1"):
        (event,) = world.events(name, study_registry.approve(study))
        assert event == StudyApproved(study, account(name).address)
    assert not world.ask(study_registry.is_active(study))  # a quorum, but not s2
    events = world.events("s2", study_registry.approve(study))
    assert events == [StudyApproved(study, account("s2").address), StudyActivated(study)]
    assert world.ask(study_registry.is_active(study))
    assert len(world.events("s3", study_registry.approve(study))) == 1  # activated once


def test_holders_without_a_quorum_do_not_activate(world):
    sites = world.terms.sites[:2]
    study = world.propose(world.make_terms(sites=sites, min_sites=1, min_weight=1), "two sites")
    for name in ("s1", "s2", "s3", "s4"):
        world.send(name, study_registry.approve(study))
    assert not world.ask(study_registry.is_active(study))
    assert len(world.events("u1", study_registry.approve(study))) == 2


def test_who_approves_what(world, account, digest):
    stranger = account("stranger").address
    study = world.propose(world.make_terms(), "t")
    call = study_registry.approve(study)
    assert world.refuses("stranger", call) == ("NotMember", stranger)
    world.send("s1", call)
    assert world.refuses("s1", call) == ("AlreadyApproved", study, account("s1").address)
    unknown = digest("no study")
    assert world.refuses("s1", study_registry.approve(unknown)) == ("UnknownStudy", unknown)


def test_a_study_stops_when_a_holder_leaves_whatever_the_quorum(world, remove):
    for name in ("a1", "a2", "a3", "u1"):
        world.send(name, study_registry.approve(world.study))
    remove("s5")  # eight of nine approvals stay
    assert not world.ask(study_registry.is_active(world.study))


def test_a_study_goes_on_when_a_bystander_leaves(world, remove):
    remove("a3")
    assert world.ask(study_registry.is_active(world.study))


def test_approvals_of_those_who_left_do_not_count(world, account, remove):
    sites = world.terms.sites[:2]
    study = world.propose(world.make_terms(sites=sites, min_sites=1, min_weight=1), "two sites")
    for name in ("s1", "s2", "a3", "u1", "s5"):
        world.send(name, study_registry.approve(study))
    assert world.ask(study_registry.is_active(study))
    remove("u1")  # eight members, a quorum of five, and four approvals of them
    assert not world.ask(study_registry.is_active(study))
    events = world.events("s4", study_registry.approve(study))
    assert events[1:] == [StudyActivated(study)]
    assert world.ask(study_registry.is_active(study))


def test_an_account_voted_back_in_brings_its_approval(world, account, remove):
    remove("s5")
    back = account("s5").address
    for name in ("s1", "s2", "s3", "s4", "a1"):
        world.send(name, consortium.vote_admission(back, 1, bytes(32)))
    assert world.ask(study_registry.is_active(world.study))


def test_enrolled_sites_have_the_role_and_a_grant(world, account, remove):
    assert world.ask(study_registry.enrolled_sites(world.study)) == 0b11111
    world.send("s2", dataset_registry.revoke(world.versions["s2"], world.study))
    remove("s4")
    assert world.ask(study_registry.enrolled_sites(world.study)) == 0b10101
    for name in ("s1", "s2", "s3", "s5", "a1"):
        world.send(name, consortium.vote_admission(account("s4").address, 8, bytes(32)))
    assert world.ask(study_registry.enrolled_sites(world.study)) == 0b10101
    assert world.ask(study_registry.enrolled_sites(bytes(32))) == 0


def test_charges_are_those_of_the_sites_asked_for(world):
    charges = world.ask(study_registry.charges_of(world.study, 0b01001))
    assert charges.lineages == (world.versions["s1"], world.versions["s4"])
    prices = tuple(world.ask(study_registry.price_of(world.study, i)) for i in (0, 3))
    assert charges.nano_rho == prices
    assert prices == (38939968, 17306653)  # ceil(10^9 (w 128)² / (2 · 1376²)) for w = 3 and 2
    assert world.ask(study_registry.charges_of(world.study, 0)).lineages == ()


@pytest.mark.parametrize("missing", [0, 1])
def test_references_must_be_given(world, account, missing):
    references = [world.addresses["Consortium"], world.addresses["DatasetRegistry"]]
    references[missing] = ZERO
    with pytest.raises(ContractRefused, match="ZeroReference"):
        world.ledger.deploy(account("deployer"), artifact.load("StudyRegistry"), references)

"""The audit of an honest bundle: verdict, figures, claims, and what comes with a trust file."""

import json
import time
from dataclasses import replace

import jsonschema
import pytest

from troth.audit import seal
from troth.audit.bundle import write_bundle
from troth.audit.claims import attested_models
from troth.audit.members import SEAL
from troth.audit.run import audit
from troth.audit.trust import Head, NamedAddress, decode_trust
from troth.domain import canonical, records
from troth.errors import BundleFalse, InputError, NotABundle
from troth.ledger.account import Account
from troth.privacy.dp.price import nano_rho
from troth.round.agreement import require_fit
from troth.testing.bundle_edits import Edit


@pytest.fixture(scope="module")
def verdict(packed):
    return audit(packed.path, packed.trust)


def test_with_a_trust_file_it_is_verified(verdict):
    assert verdict.verdict == "verified"


def test_without_one_it_is_consistent_and_prints_its_anchors(packed, verdict):
    alone = audit(packed.path)
    assert alone.verdict == "consistent"
    assert alone.anchors == verdict.anchors == decode_trust(packed.trust)
    assert alone.anchors.chain_id == packed.small.consortium.ledger.chain_id
    assert len(alone.anchors.members) == 5


def test_figures_are_those_of_the_study(packed, verdict):
    (study,) = verdict.studies
    terms = packed.small.study.terms
    assert (study.rounds_agreed, study.rounds_final, study.rounds_open) == (2, 2, ())
    assert [(a.round, a.reason, a.party) for a in study.aborts] == [
        (1, "Withheld", terms.committee[1])
    ]
    assert study.reports_accepted == 4
    liar = terms.sites[2].account
    assert [(r.round, r.site, r.reason) for r in study.reports_rejected] == [
        (2, liar, "norm_equality"),
        (3, liar, "norm_equality"),
    ]
    price = nano_rho(terms.privacy.clip, 1, terms.privacy.honest, terms.privacy.noise_variance)
    assert study.nano_rho_spent == 2 * price
    assert study.epsilon_spent == require_fit(terms).epsilon_guaranteed
    assert {lineage.settled for lineage in verdict.lineages} == {2 * price}
    assert {lineage.reserved for lineage in verdict.lineages} == {0}


def test_recorded_refusals_are_listed(packed, verdict):
    (refusal,) = verdict.refusals
    assert (refusal.action, refusal.error) == ("Rounds.open", "WrongState")
    assert refusal.sender == str(packed.small.aggregators[0].account.address)


def test_claims_say_what_is_proved_attested_and_not_covered(verdict):
    by_status: dict[str, list[str]] = {}
    for claim in verdict.claims:
        by_status.setdefault(claim.status, []).append(str(claim))
    assert set(by_status) == {"proved", "attested", "not covered"}
    uncovered = "\n".join(by_status["not covered"])
    for words in (
        "behind its one unopened noise candidate: it goes unseen with probability 1 in 2",
        "a silent or colluding one lets a member alter the sum",
        "drew the seeds",
        "clipped the records",
        "record bound",
    ):
        assert words in uncovered
    proved = "\n".join(by_status["proved"])
    for words in (
        "bound to before the challenge",
        "add up to the tag of each sum",
        "4 opened noise candidates: distribution, bound, report, verifier shares and tags",
        "the sums less the opened noise",
    ):
        assert words in proved
    attested = "\n".join(by_status["attested"])
    for words in ("4 of 4 voters in 2 rounds: ", "2 of 2 sites in 2 rounds: the tags of their own"):
        assert words in attested


def test_the_json_follows_its_schema(verdict, project):
    schema = json.loads((project / "specs/audit-result.schema.json").read_text())
    jsonschema.validate(verdict.to_json(), schema)
    assert canonical.decode(canonical.encode(verdict.to_json()), "verdict") == verdict.to_json()


def test_a_trust_file_follows_its_schema(packed, project):
    schema = json.loads((project / "specs/trust.schema.json").read_text())
    jsonschema.validate(json.loads(packed.trust), schema)


def test_members_follow_their_schemas(packed, project):
    members = packed.members
    manifest = json.loads((project / "specs/bundle-manifest.schema.json").read_text())
    jsonschema.validate(json.loads(members["manifest.json"]), manifest)
    terms = json.loads((project / "specs/terms.schema.json").read_text())
    documents = [name for name in members if name.startswith("terms/")]
    assert documents
    for name in documents:
        jsonschema.validate(json.loads(members[name]), terms)


@pytest.mark.parametrize(
    ("change", "member"),
    [
        (lambda _: {"chain_id": 1}, "transactions.jsonl"),
        (lambda a: {"members": a.members[1:]}, "transactions.jsonl"),
        (lambda a: {"head": replace(a.head, hash=bytes(32))}, "blocks.jsonl"),
        (lambda a: {"head": Head(a.head.number + 1, a.head.hash)}, "blocks.jsonl"),
        (lambda a: {"contracts": a.contracts[1:]}, "contracts/artifacts.json"),
        (
            lambda a: {
                "contracts": (*a.contracts[1:], NamedAddress(a.contracts[0].name, "0x" + 40 * "1"))
            },
            "contracts/artifacts.json",
        ),
    ],
)
def test_other_anchors_make_it_false(packed, change, member):
    trusted = decode_trust(packed.trust)
    with pytest.raises(BundleFalse, match="by the trust file") as caught:
        audit(packed.path, replace(trusted, **change(trusted)).encode())
    assert caught.value.member == member


@pytest.mark.parametrize("layout", [{"indent": 2}, {"indent": 2, "sort_keys": True}, {}])
def test_a_trust_file_may_be_laid_out_in_any_way(packed, layout):
    reformatted = json.dumps(json.loads(packed.trust), **layout).encode() + b"\n"
    assert reformatted != packed.trust
    assert audit(packed.path, reformatted).verdict == "verified"


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda _: b"", "document: not JSON at line 1, column 1"),
        (lambda _: b"nonsense", "document: not JSON at line 1, column 1"),
        (lambda text: text[:-1] + b",\n,}", "document: not JSON at line 2, column 1"),
        (lambda _: b"\xff{}", "document: not UTF-8 at line 1, column 1"),
        (lambda _: b"[" * 10**6, "document: nested deeper than 32"),
        (lambda _: b"9" * 5000, "document: an integer has more digits"),
        (lambda _: b"[]", "document: is not an object"),
        (lambda _: b"{}", "format: is missing"),
        (lambda text: text[:-1] + b',"more":1}', "more: is unknown"),
        (
            lambda text: text[:-1] + b',"format":"troth/trust/v1"}',
            "document: the key 'format' stands twice",
        ),
        (lambda text: text.replace(b"trust/v1", b"trust/v2"), "format: is 'troth/trust/v2'"),
        (
            lambda text: text.replace(b'"chain_id":', b'"chain_id":"x"'),
            "document: not JSON at line 1",
        ),
        (lambda text: text.replace(b'"hash":"0x', b'"hash":"0x00'), "head.hash: 33 bytes"),
        (lambda text: text.replace(b"StudyRegistry", b"Rounds"), "contracts: names one twice"),
    ],
)
def test_other_trust_files_are_wrong_use(packed, change, problem):
    """The message starts with what is wrong: whoever read the file puts its path before it."""
    with pytest.raises(InputError) as caught:
        audit(packed.path, change(packed.trust))
    assert str(caught.value).startswith(problem)
    assert "trust file" in str(caught.value)


def test_attestations_are_told_by_round():
    counts = [(2, 7, 7), (3, 7, 7), (5, 6, 6)]
    assert str(attested_models("s", counts)) == (
        "attested by 7 of 7 voters in 2 rounds, 6 of 6 in round 5: the model of each round of 's'"
    )


def test_a_text_file_is_not_a_bundle(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("This is no bundle.\n")
    with pytest.raises(NotABundle):
        audit(path)


def test_only_a_member_can_seal(packed, tmp_path):
    stranger = Account(b"\x01" * 32)
    chain_id, members = packed.small.consortium.ledger.chain_id, packed.members
    head = decode_trust(packed.trust).head.hash
    forged = records.encode(seal.make(stranger, chain_id, head))
    path = tmp_path / "sealed.troth"
    path.write_bytes(Edit(SEAL, "stranger", lambda: forged, members).data)
    with pytest.raises(BundleFalse, match="no member") as caught:
        audit(path)
    assert caught.value.member == SEAL


def test_writing_is_deterministic_and_whole(packed, tmp_path):
    ledger, store = packed.small.consortium.ledger, packed.small.consortium.store
    sealer = packed.small.consortium.organisations[0].account
    again = tmp_path / "again.troth"
    again.write_bytes(b"an older file")
    write_bundle(again, ledger, store, sealer)
    assert again.read_bytes() == packed.data
    assert [path.name for path in tmp_path.iterdir()] == ["again.troth"]


def test_a_folder_that_is_not_there_cannot_be_written(packed, tmp_path):
    ledger, store = packed.small.consortium.ledger, packed.small.consortium.store
    sealer = packed.small.consortium.organisations[0].account
    with pytest.raises(InputError, match="cannot be written"):
        write_bundle(tmp_path / "none" / "b.troth", ledger, store, sealer)


def test_no_sealed_share_leaves_with_a_bundle(packed):
    shares = {
        share["digest"][2:]
        for name, content in packed.members.items()
        if name.startswith("blobs/") and content.startswith(b'{"candidate"')
        for share in json.loads(content)["shares"]
    }
    assert shares
    assert not {name.removeprefix("blobs/") for name in packed.members} & shares


def test_an_audit_is_quick(packed):
    audit(packed.path)  # imports
    before = time.process_time()
    verdict = audit(packed.path)
    assert (time.process_time() - before) / verdict.transactions < 10 / 700

"""Checkpoints: what members sign, what a reader has to know, and what is refused by which line."""

import hashlib
import json
from dataclasses import replace
from functools import lru_cache
from itertools import combinations, permutations

import jsonschema
import pytest
import rlp
from eth_hash.auto import keccak
from eth_keys.constants import SECPK1_N

from troth.audit import archive, checkpoint
from troth.audit.bundle import read_bundle, write_bundle
from troth.audit.chain import verify_chain
from troth.audit.checkpoint import Checkpoint, MemberSignature, Signers
from troth.audit.past import history, history_of_chain, history_of_ledger
from troth.audit.run import audit
from troth.audit.trust import Head, NamedAddress, decode_trust
from troth.domain import canonical, records
from troth.errors import BundleFalse, DecodeError, InputError
from troth.ledger.account import Account
from troth.ledger.address import Address
from troth.ledger.bindings import CONTRACTS
from troth.ledger.client import Ledger
from troth.ledger.deploy import ORDER
from troth.ledger.evidence import bloom, decode_header, decode_receipt, list_root
from troth.testing.chain_forger import rewrite

STRANGER = Account(b"\x07" * 32)
FOREIGN = b"an engine's own name of a block"


@pytest.fixture(scope="module")
def accounts(packed):
    """The members' accounts, in the order of their addresses."""
    found = [organisation.account for organisation in packed.small.consortium.organisations]
    return sorted(found, key=lambda account: account.address)


@pytest.fixture(scope="module")
def statement(packed):
    """What an honest member's node says."""
    return checkpoint.state_of(packed.small.consortium.ledger)


def signed(statement, accounts):
    """A checkpoint by these members."""
    return checkpoint.join([checkpoint.sign(statement, account) for account in accounts])


def listing(accounts, threshold):
    """A reader's list of members."""
    members = tuple(str(account.address) for account in accounts)
    return records.encode(Signers(checkpoint.SIGNERS_FORMAT, members, threshold))


def test_a_majority_makes_a_bundle_verified(packed, statement, accounts):
    for members in combinations(accounts, 3):
        assert audit(packed.path, signed(statement, members).encode()).verdict == "verified"


def test_less_than_a_majority_does_not(packed, statement, accounts):
    few = signed(statement, accounts[:2]).encode()
    with pytest.raises(InputError, match="2 by the 5 members that count, of 3 that it takes"):
        audit(packed.path, few)


def test_a_reader_needs_to_know_only_members(packed, statement, accounts):
    known = listing(accounts[:3], 2)
    for pair in combinations(accounts[:3], 2):
        verdict = audit(packed.path, signed(statement, pair).encode(), known)
        assert verdict.verdict == "verified"
        (line,) = [str(claim) for claim in verdict.claims if "is the last one" in claim.text]
        assert all(str(account.address) in line for account in pair)
        assert not any("--signers" in claim.text for claim in verdict.claims)


def test_members_whom_the_reader_does_not_know_do_not_count(packed, statement, accounts):
    known = listing([*accounts[:2], STRANGER], 2)
    with pytest.raises(InputError, match="1 by the 3 members that count, of 2"):
        audit(packed.path, signed(statement, accounts[1:]).encode(), known)


def test_alone_it_says_that_its_members_are_taken_from_itself(packed, statement, accounts):
    verdict = audit(packed.path, signed(statement, accounts).encode())
    last = verdict.claims[-1]
    assert last.status == "not covered"
    assert "--signers" in last.text


def test_a_made_up_consortium_is_stopped_by_whom_the_reader_knows(packed, statement, accounts):
    """Everything can be made up by one hand, but not the signatures of members that are known."""
    others = [Account(bytes([i]) * 32) for i in range(1, 4)]
    members = tuple(
        str(address) for address in sorted(Address(account.address) for account in others)
    )
    made_up = signed(replace(statement, members=members), others)
    with pytest.raises(InputError, match="0 by the 5 members that count, of 3"):
        audit(packed.path, made_up.encode(), listing(accounts, 3))


def test_nodes_and_bundles_give_one_history(packed, statement):
    bundle = read_bundle(packed.path)
    chain = verify_chain(bundle.blocks, bundle.transactions, bundle.seal)
    ledger = packed.small.consortium.ledger
    assert history_of_chain(chain) == history_of_ledger(ledger, chain.head.number)
    assert statement == checkpoint.state(audit(packed.path).anchors, history_of_chain(chain))


def test_a_history_binds_every_part_of_it():
    blocks = [(0, 5, []), (1, 6, [(b"a", b"b"), (b"c", b"d")]), (2, 7, [])]
    others = [
        blocks[:2],
        [*blocks, (3, 8, [])],
        [(0, 5, []), (1, 7, blocks[1][2]), (2, 7, [])],
        [(0, 5, []), (1, 6, [(b"a", b"b")]), (2, 7, [(b"c", b"d")])],
        [(0, 5, []), (1, 6, [(b"c", b"d"), (b"a", b"b")]), (2, 7, [])],
        [(0, 5, []), (1, 6, [(b"a", b"bc"), (b"", b"d")]), (2, 7, [])],
        [(1, 5, []), (2, 6, blocks[1][2]), (3, 7, [])],
    ]
    found = {history(1, content) for content in [blocks, *others]} | {history(2, blocks)}
    assert len(found) == len(others) + 2


@pytest.mark.parametrize(
    ("change", "member", "position"),
    [
        (lambda _: {"chain_id": 1}, "transactions.jsonl", "line 1"),
        (
            lambda s: {"contracts": s.contracts[1:]},
            "contracts/artifacts.json",
            f"contracts, {ORDER[0]}, address",
        ),
        (
            lambda s: {
                "contracts": (
                    *s.contracts[:-1],
                    NamedAddress(s.contracts[-1].name, str(STRANGER.address)),
                )
            },
            "contracts/artifacts.json",
            "contracts, Rounds, address",
        ),
        (lambda s: {"members": s.members[1:]}, "transactions.jsonl", "membership"),
        (lambda s: {"head": replace(s.head, hash=bytes(32))}, "blocks.jsonl", None),
        (lambda s: {"head": Head(s.head.number + 1, s.head.hash)}, "blocks.jsonl", None),
        (
            lambda s: {"headers": "other", "head": Head(s.head.number - 1, FOREIGN)},
            "blocks.jsonl",
            None,
        ),
        (lambda _: {"history": bytes(32)}, "transactions.jsonl", "lines 1 to "),
    ],
)
def test_another_statement_makes_it_false(packed, statement, accounts, change, member, position):
    other = signed(replace(statement, **change(statement)), accounts[1:])
    with pytest.raises(BundleFalse, match="by the checkpoint") as caught:
        audit(packed.path, other.encode(), listing(accounts, 3))
    expected = position or f"line {statement.head.number + 1}"
    assert caught.value.member == member
    assert caught.value.position.startswith(expected)


def rewritten(packed, tmp_path, change):
    """A bundle whose chain was changed and made to fit again."""
    small = packed.small.consortium
    members = rewrite(packed.members, small.ledger.chain_id, small.organisations[0].account, change)
    path = tmp_path / "rewritten.zip"
    path.write_bytes(archive.write(members))
    return path


def test_an_engine_with_other_headers_is_anchored_by_what_happened(
    packed, tmp_path, statement, accounts
):
    """A bundle's headers may then be any that fit: the same past under other hashes is the same."""
    extra_data = 12

    def other_headers(blocks):
        for block in blocks:
            block.fields[extra_data] = b"another engine"

    path = rewritten(packed, tmp_path, other_headers)
    elsewhere = checkpoint.state_of(packed.small.consortium.ledger, FOREIGN)
    assert (elsewhere.headers, elsewhere.head.hash) == ("other", FOREIGN)
    found = audit(path, signed(elsewhere, accounts).encode(), listing(accounts, 3))
    assert found.verdict == "verified"
    with pytest.raises(BundleFalse, match="by the checkpoint") as caught:
        audit(path, signed(statement, accounts).encode())
    assert caught.value.member == "blocks.jsonl"


class OtherEngine:
    """Adapter for an engine with other headers: writes Ethereum's form of them, on its own.

    What stands in them is number, time, and the roots of transactions and receipts; the engine's
    own name of a block is another hash of something else.
    """

    def __init__(self, inner):
        self.inner = inner

    def __getattr__(self, name):
        return getattr(self.inner, name)

    def own_hash(self, number):
        return hashlib.blake2b(self.inner.block(number).header, digest_size=20).digest()

    def block(self, number):
        found = self.inner.block(number)
        header = decode_header(found.header)
        receipts = [decode_receipt(receipt) for receipt in found.receipts]
        parent = keccak(self.block(number - 1).header) if number else bytes(32)
        logs = [log for receipt in receipts for log in receipt.logs]
        fields = [
            *(parent, bytes(32), bytes(20), bytes(32)),
            *(list_root(found.transactions), list_root(found.receipts), bloom(logs)),
            *(b"", _integer(number), b"", _integer(header.gas_used), _integer(header.timestamp)),
            *(b"", bytes(32), bytes(8), b""),
        ]
        return replace(found, header=rlp.encode(fields))


def _integer(value):
    return value.to_bytes((value.bit_length() + 7) // 8)


def test_a_bundle_of_another_engine_is_written_and_anchored(packed, tmp_path, accounts):
    small = packed.small.consortium
    engine = OtherEngine(small.ledger._backend)
    engine.block = lru_cache(None)(engine.block)  # type: ignore[method-assign]  # saves hashing
    ledger = Ledger(engine, CONTRACTS)
    ledger.bind(small.ledger.addresses)
    path = tmp_path / "other.zip"
    write_bundle(path, ledger, small.store, accounts[0])
    own_hash = engine.own_hash(engine.final())
    found = signed(checkpoint.state_of(ledger, own_hash), accounts[:3])
    assert found.statement.history == history_of_ledger(small.ledger, engine.final())
    verdict = audit(path, found.encode(), listing(accounts, 3))
    assert verdict.verdict == "verified"
    assert verdict.anchors.head.hash not in {own_hash, small.ledger.final().hash}
    with pytest.raises(BundleFalse, match="by the trust file"):
        audit(path, packed.trust)


def test_without_the_hash_the_history_still_finds_a_rewritten_past(packed, tmp_path, accounts):
    """True in itself, with as many blocks, and yet not what happened: only the digest can tell."""

    def one_second_later(blocks):
        blocks[-1].timestamp += 1

    path = rewritten(packed, tmp_path, one_second_later)
    assert audit(path).verdict == "consistent"
    elsewhere = checkpoint.state_of(packed.small.consortium.ledger, FOREIGN)
    with pytest.raises(BundleFalse, match="claims the history") as caught:
        audit(path, signed(elsewhere, accounts).encode())
    assert caught.value.member == "transactions.jsonl"


def test_a_shorter_history_is_found(packed, tmp_path, statement, accounts):
    def drop_the_last(blocks):
        del blocks[-1]

    path = rewritten(packed, tmp_path, drop_the_last)
    assert audit(path).verdict == "consistent"
    with pytest.raises(BundleFalse) as caught:
        audit(path, signed(statement, accounts).encode())
    assert caught.value.member == "blocks.jsonl"


def test_joining_gives_one_file_in_any_order(statement, accounts):
    single = [checkpoint.sign(statement, account) for account in accounts[:3]]
    files = {checkpoint.join(order).encode() for order in permutations(single)}
    assert len(files) == 1
    pairs = [checkpoint.join(single[:2]), checkpoint.join(single[1:])]
    assert {checkpoint.join(pairs).encode()} == files


def test_a_member_that_signed_twice_is_kept_once(statement, accounts):
    """A signer that draws its nonces may leave two good signatures; one of them stays, always."""
    first = checkpoint.sign(statement, accounts[0])
    entry = first.signatures[0]
    later = replace(first, signatures=(replace(entry, signature=b"\xff" * 65),))
    assert checkpoint.join([first, later]) == checkpoint.join([later, first]) == first


@pytest.mark.parametrize("field", ["chain_id", "head", "history", "members", "contracts"])
def test_nodes_that_part_are_not_joined(statement, accounts, field):
    changed = {
        "chain_id": statement.chain_id + 1,
        "head": Head(statement.head.number + 1, statement.head.hash),
        "history": bytes(32),
        "members": statement.members[:-1],
        "contracts": statement.contracts[:-1],
    }
    single = checkpoint.sign(statement, accounts[0])
    other = checkpoint.sign(replace(statement, **{field: changed[field]}), accounts[1])
    with pytest.raises(InputError, match=f"checkpoint 3 has another {field} than the first one"):
        checkpoint.join([single, single, other])


def test_only_members_sign(statement):
    with pytest.raises(InputError, match="is no member at this block"):
        checkpoint.sign(statement, STRANGER)


def test_a_file_is_read_as_it_was_written(statement, accounts, project):
    whole = signed(statement, accounts)
    assert checkpoint.decode(whole.encode()) == whole
    schema = json.loads((project / "specs/checkpoint.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    for file in (whole, signed(replace(statement, headers="other"), accounts[:1])):
        jsonschema.validate(json.loads(file.encode()), schema)


def by_stranger(found):
    entry = found.signatures[0]
    forged = STRANGER.sign(found.statement.digest).to_bytes()
    return {"signatures": (replace(entry, signature=forged), *found.signatures[1:])}


def of_a_stranger(found):
    member = str(STRANGER.address)
    entry = MemberSignature(member, STRANGER.sign(found.statement.digest).to_bytes())
    ordered = sorted((*found.signatures, entry), key=lambda e: Address.parse(e.member))
    return {"signatures": tuple(ordered)}


def higher_s(found):
    entry = found.signatures[0]
    r, s, v = entry.signature[:32], int.from_bytes(entry.signature[32:64]), entry.signature[64]
    other = r + (SECPK1_N - s).to_bytes(32) + bytes([1 - v])
    return {"signatures": (replace(entry, signature=other), *found.signatures[1:])}


def cut(found):
    entry = found.signatures[-1]
    return {"signatures": (*found.signatures[:-1], replace(entry, signature=entry.signature[:-1]))}


def about(**changes):
    return lambda found: {"statement": replace(found.statement, **changes)}


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda _: {"format": "troth/checkpoint/v2"}, "format: is 'troth/checkpoint/v2'"),
        (lambda c: {"signatures": (c.signatures[0], *c.signatures)}, "signatures: names one twice"),
        (lambda c: {"signatures": c.signatures[::-1]}, "signatures: not in the order"),
        (by_stranger, r"signatures\[0\]: is not 0x"),
        (of_a_stranger, f"{STRANGER.address} is no member by this statement"),
        (higher_s, r"signatures\[0\]: a signature with the higher s"),
        (cut, r"signatures\[2\]: a signature that belongs to no key"),
        (about(chain_id=1), r"signatures\[0\]: is not 0x"),
        (about(history=bytes(32)), r"signatures\[0\]: is not 0x"),
        (about(headers="other"), r"signatures\[0\]: is not 0x"),
        (about(history=bytes(31)), "statement.history: has 31 bytes"),
        (about(head=Head(1, bytes(31))), "statement.head.hash: has 31 bytes"),
        (about(headers="other", head=Head(1, b"")), "statement.head.hash: has 0 bytes"),
        (about(headers="other", head=Head(1, bytes(65))), "statement.head.hash: has 65 bytes"),
        (about(head=Head(-1, bytes(32))), "below 0"),
        (about(headers="some"), "'some' is unknown"),
    ],
)
def test_what_is_no_checkpoint_is_refused(packed, statement, accounts, change, problem):
    found = signed(statement, accounts[:3])
    data = replace(found, **change(found)).encode()
    with pytest.raises(InputError, match=problem):
        audit(packed.path, data)


@pytest.mark.parametrize(
    "change",
    [
        lambda s: {"members": s.members[::-1]},
        lambda s: {"members": (s.members[0], *s.members)},
        lambda s: {"members": tuple(member.lower() for member in s.members)},
        lambda s: {"contracts": (s.contracts[0], *s.contracts)},
        lambda _: {"contracts": (NamedAddress("Rounds", "0x12"),)},
        lambda s: {"contracts": (NamedAddress("Rounds", s.contracts[0].address.lower()),)},
    ],
)
def test_a_statement_has_one_form(statement, change):
    empty = Checkpoint(checkpoint.FORMAT, replace(statement, **change(statement)), ())
    with pytest.raises(InputError):
        checkpoint.decode(empty.encode())


def test_what_is_signed_has_one_layout(packed, statement, accounts):
    found = signed(statement, accounts).encode()
    with pytest.raises(InputError, match="canonical form"):
        audit(packed.path, json.dumps(json.loads(found), indent=2).encode())


def test_each_single_changed_byte_is_refused(statement, accounts):
    found = signed(statement, accounts[:1]).encode()
    for at in range(len(found)):
        changed = found[:at] + bytes([found[at] ^ 1]) + found[at + 1 :]
        with pytest.raises(InputError):
            checkpoint.decode(changed)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda _: b"", "not JSON"),
        (lambda text: text.replace(b"signers/v1", b"signers/v2"), "format: is 'troth/signers/v2'"),
        (lambda text: text.replace(b'"threshold":2', b'"threshold":0'), "threshold: is 0"),
        (lambda text: text.replace(b'"threshold":2', b'"threshold":4'), "is 4, with 3 members"),
        (lambda text: text.replace(b'"threshold":2', b'"threshold":true'), "threshold: True"),
        (lambda text: text.replace(b'"threshold":2', b'"most":2'), "most: is unknown"),
        (lambda text: text.replace(b'["0x', b'["0y'), "hexadecimal digits"),
    ],
)
def test_signers_that_are_none(packed, statement, accounts, change, problem):
    whole = signed(statement, accounts).encode()
    with pytest.raises(InputError, match=problem):
        audit(packed.path, whole, change(listing(accounts[:3], 2)))


def test_a_signer_stands_once_however_it_is_written(packed, statement, accounts):
    whole, member = signed(statement, accounts).encode(), str(accounts[0].address)
    twice = {
        "format": checkpoint.SIGNERS_FORMAT,
        "members": [member, member.lower()],
        "threshold": 1,
    }
    with pytest.raises(InputError, match="members: names one twice"):
        audit(packed.path, whole, canonical.encode(twice))
    once = {**twice, "members": [member.lower()]}
    assert audit(packed.path, whole, json.dumps(once, indent=1).encode()).verdict == "verified"


def test_signers_follow_their_schema(accounts, project):
    schema = json.loads((project / "specs/signers.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(json.loads(listing(accounts, 3)), schema)


def test_signers_need_a_checkpoint(packed, accounts):
    for trust in (None, packed.trust):
        with pytest.raises(InputError, match="give signers with a checkpoint"):
            audit(packed.path, trust, listing(accounts, 3))


def test_an_address_in_a_trust_file_counts_in_any_case(packed):
    trusted = decode_trust(packed.trust)
    lower = replace(
        trusted,
        contracts=tuple(NamedAddress(c.name, c.address.lower()) for c in trusted.contracts),
        members=tuple(member.lower() for member in trusted.members),
    )
    assert decode_trust(lower.encode()) == trusted
    assert audit(packed.path, lower.encode()).verdict == "verified"


def test_a_foreign_hash_of_no_size_is_refused(packed):
    with pytest.raises(InputError, match=r"statement\.head\.hash: has 0 bytes"):
        checkpoint.state_of(packed.small.consortium.ledger, b"")


def test_a_seal_is_no_signature_of_a_statement(packed, statement):
    """Two labels, two digests: what was signed for one is none for the other."""
    sealed = json.loads(packed.members["seal.json"])["signature"]
    sealer = str(packed.small.consortium.organisations[0].account.address)
    borrowed = MemberSignature(sealer, canonical.hex_from_text(sealed, "signature"))
    with pytest.raises((InputError, DecodeError), match=r"signatures\[0\]: is not"):
        checkpoint.decode(Checkpoint(checkpoint.FORMAT, statement, (borrowed,)).encode())

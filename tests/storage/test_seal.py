import os
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from troth.domain.hashing import digest, integer, labelled
from troth.errors import EncodingError, SealError
from troth.storage import seal as sealing
from troth.storage.seal import (
    MAX_HOLDERS,
    WRAP_SIZE,
    Recipient,
    SealedBlob,
    open_rewrapped,
    open_sealed,
    rewrap,
    seal,
    sealed_size,
)

SHARE = b"an extended share"
CLOSED = "does not open for this holder in this context"
ADDRESSES = st.lists(st.binary(min_size=20, max_size=20), min_size=1, max_size=5, unique=True)


def patched(blob: bytes, at: int, value: bytes) -> bytes:
    return blob[:at] + value + blob[at + len(value) :]


@pytest.fixture(scope="module")
def blob(context, alice, bob) -> bytes:
    return seal(SHARE, context, [alice.recipient, bob.recipient], os.urandom)


@pytest.mark.parametrize("size", [0, 1, 16, 100_000])
def test_every_holder_opens_the_share_and_the_size_is_foretold(context, alice, bob, size):
    share = os.urandom(size)
    blob = seal(share, context, [alice.recipient, bob.recipient], os.urandom)
    assert len(blob) == sealed_size(size, 2)
    for holder in (alice, bob):
        assert open_sealed(blob, context, holder.address, holder.keys) == share


def test_the_share_and_the_content_key_are_not_in_the_blob(context, alice):
    drawn = []

    def random_bytes(size: int) -> bytes:
        drawn.append(os.urandom(size))
        return drawn[-1]

    blob = seal(SHARE, context, [alice.recipient], random_bytes)
    content_key, nonce = drawn
    assert (len(content_key), len(nonce)) == (32, 12)
    assert nonce in blob
    assert content_key not in blob
    assert SHARE not in blob


def test_sealing_twice_shares_nothing(context, alice):
    one, other = (
        SealedBlob.decode(seal(SHARE, context, [alice.recipient], os.urandom)) for _ in range(2)
    )
    assert one.nonce != other.nonce
    assert one.ciphertext != other.ciphertext
    assert one.wraps[0][0] == other.wraps[0][0]
    assert one.wraps[0][1] != other.wraps[0][1]


def test_a_flip_of_any_byte_closes_the_blob_for_its_first_holder(blob, context, alice):
    for at in range(len(blob)):
        flipped = patched(blob, at, bytes([blob[at] ^ 1]))
        with pytest.raises(SealError):
            open_sealed(flipped, context, alice.address, alice.keys)


def test_a_changed_wrap_of_one_holder_is_noticed_by_the_other(blob, context, alice, bob):
    sealed = SealedBlob.decode(blob)
    (first, wrap), second = sealed.wraps
    changed = replace(sealed, wraps=((first, patched(wrap, 5, b"?!")), second)).encode()
    with pytest.raises(SealError, match=CLOSED):
        open_sealed(changed, context, bob.address, bob.keys)


def test_dropping_adding_or_reordering_holders_closes_the_blob(blob, context, alice, bob):
    sealed = SealedBlob.decode(blob)
    one, two = sealed.wraps
    for wraps in ((one,), (two, one), (one, two, (b"m" * 20, two[1]))):
        with pytest.raises(SealError, match=CLOSED):
            open_sealed(replace(sealed, wraps=wraps).encode(), context, one[0], alice.keys)


@pytest.mark.parametrize(
    "change",
    [
        {"chain_id": 31338},
        {"contract": b"C" * 20},
        {"study": b"S" * 32},
        {"round": 8},
        {"role": "site", "candidate": None},
        {"party": b"P" * 20},
        {"candidate": 1},
        {"share": 0},
    ],
    ids=lambda change: next(iter(change)),
)
def test_another_context_closes_the_blob(blob, context, alice, change):
    with pytest.raises(SealError, match=CLOSED):
        open_sealed(blob, replace(context, **change), alice.address, alice.keys)


def test_the_wrap_binds_the_context_too(context, alice):
    """The content cipher alone would accept: the same key and data, only the wrap moved."""
    there = replace(context, round=8)
    key, nonce = os.urandom(32), os.urandom(12)
    moved = SealedBlob.decode(seal(SHARE, context, [alice.recipient], _given(key, nonce)))
    bound = sealing._associated_data(there, moved.header())
    forged = replace(moved, ciphertext=AESGCM(key).encrypt(nonce, SHARE, bound)).encode()
    with pytest.raises(SealError, match=CLOSED):
        open_sealed(forged, there, alice.address, alice.keys)


def test_a_blob_can_be_opened_by_hand_from_its_description(blob, context, bob):
    digest = labelled(
        "seal-context",
        (
            integer(31337),
            b"c" * 20,
            b"s" * 32,
            integer(7),
            b"noise",
            b"p" * 20,
            integer(0),
            integer(1),
        ),
    )
    assert context.digest() == digest
    header, rest = blob[: 17 + 2 * 1188], blob[17 + 2 * 1188 :]
    wrap = header[-1168:]
    info = labelled("seal-wrap", (digest, bob.address, bob.keys.public.digest()))
    key = bob.keys.unwrap(wrap, info)
    bound = labelled("seal-content", (digest, header))
    assert int.from_bytes(rest[12:20], "big") == len(rest[20:])
    assert AESGCM(key).decrypt(rest[:12], rest[20:], bound) == SHARE


def test_another_key_pair_does_not_open(blob, context, alice, bob):
    with pytest.raises(SealError, match=CLOSED):
        open_sealed(blob, context, alice.address, bob.keys)


def test_a_stranger_is_told_that_the_blob_is_not_for_it(blob, context, bob):
    with pytest.raises(SealError, match="not sealed to holder 0x7a7a"):
        open_sealed(blob, context, b"z" * 20, bob.keys)


def test_a_wrap_under_another_address_does_not_open(context, alice):
    """The same key announced by two addresses: a wrap still belongs to one of them."""
    key, nonce = os.urandom(32), os.urandom(12)
    blob = SealedBlob.decode(seal(SHARE, context, [alice.recipient], _given(key, nonce)))
    renamed = replace(blob, wraps=((b"z" * 20, blob.wraps[0][1]),))
    bound = sealing._associated_data(context, renamed.header())
    forged = replace(renamed, ciphertext=AESGCM(key).encrypt(nonce, SHARE, bound)).encode()
    with pytest.raises(SealError, match=CLOSED):
        open_sealed(forged, context, b"z" * 20, alice.keys)


def test_wraps_swapped_between_two_blobs_do_not_open(context, alice, bob):
    one, other = (
        SealedBlob.decode(seal(share, context, [alice.recipient, bob.recipient], os.urandom))
        for share in (b"one", b"two")
    )
    with pytest.raises(SealError, match=CLOSED):
        open_sealed(replace(one, wraps=other.wraps).encode(), context, alice.address, alice.keys)
    crossed = ((alice.address, one.wraps[1][1]), (bob.address, one.wraps[0][1]))
    for holder in (alice, bob):
        with pytest.raises(SealError, match=CLOSED):
            open_sealed(replace(one, wraps=crossed).encode(), context, holder.address, holder.keys)


def test_every_refusal_that_depends_on_a_secret_reads_the_same(blob, context, alice, bob):
    sealed = SealedBlob.decode(blob)
    attempts = [
        (blob, context, alice.address, bob.keys),
        (blob, replace(context, share=0), alice.address, alice.keys),
        (patched(blob, len(blob) - 1, bytes([blob[-1] ^ 1])), context, alice.address, alice.keys),
        (patched(blob, 40, b"????"), context, alice.address, alice.keys),
        (replace(sealed, nonce=bytes(12)).encode(), context, alice.address, alice.keys),
    ]
    seen = set()
    for attempt in attempts:
        with pytest.raises(SealError) as refused:
            open_sealed(*attempt)
        assert refused.value.__cause__ is None
        seen.add(str(refused.value))
    assert len(seen) == 1


@pytest.fixture(scope="module")
def denied(context, alice, bob) -> bytes:
    """A blob that the reporter sealed to both, but wrongly to Bob."""
    blob = SealedBlob.decode(seal(SHARE, context, [alice.recipient, bob.recipient], os.urandom))
    ours, (address, wrap) = blob.wraps
    return _resealed(replace(blob, wraps=(ours, (address, wrap[::-1]))), context, alice)


@pytest.fixture(scope="module")
def passed_on(denied, context, alice, bob) -> bytes:
    """The key of it, which Alice wrapped to Bob."""
    return rewrap(denied, context, alice.address, alice.keys, bob.recipient)


def test_a_holder_hands_the_key_on_to_one_that_could_not_open(denied, passed_on, context, bob):
    with pytest.raises(SealError, match=CLOSED):
        open_sealed(denied, context, bob.address, bob.keys)
    assert len(passed_on) == WRAP_SIZE
    assert open_rewrapped(denied, context, passed_on, bob.address, bob.keys) == SHARE


def test_a_holder_that_the_blob_does_not_list_may_get_the_key_too(context, alice, bob):
    blob = seal(SHARE, context, [alice.recipient], os.urandom)
    wrapped = rewrap(blob, context, alice.address, alice.keys, bob.recipient)
    assert open_rewrapped(blob, context, wrapped, bob.address, bob.keys) == SHARE


def test_wrapping_again_twice_shares_nothing(denied, passed_on, context, alice, bob):
    again = rewrap(denied, context, alice.address, alice.keys, bob.recipient)
    assert again != passed_on
    assert open_rewrapped(denied, context, again, bob.address, bob.keys) == SHARE


def test_nobody_hands_on_what_it_cannot_open_itself(denied, context, alice, bob):
    with pytest.raises(SealError, match=CLOSED):
        rewrap(denied, context, bob.address, bob.keys, alice.recipient)
    with pytest.raises(SealError, match=CLOSED):
        rewrap(denied, replace(context, share=0), alice.address, alice.keys, bob.recipient)
    with pytest.raises(SealError, match="not sealed to holder 0x7a7a"):
        rewrap(denied, context, b"z" * 20, alice.keys, bob.recipient)
    broken = patched(denied, len(denied) - 1, bytes([denied[-1] ^ 1]))
    with pytest.raises(SealError, match=CLOSED):
        rewrap(broken, context, alice.address, alice.keys, bob.recipient)


def test_a_key_that_was_handed_on_is_for_one_holder(denied, passed_on, context, alice, bob):
    for address, keys in (
        (alice.address, alice.keys),
        (bob.address, alice.keys),
        (alice.address, bob.keys),
        (b"z" * 20, bob.keys),
    ):
        with pytest.raises(SealError, match=CLOSED):
            open_rewrapped(denied, context, passed_on, address, keys)


@pytest.mark.parametrize(
    "change",
    [{"chain_id": 31338}, {"study": b"S" * 32}, {"round": 8}, {"party": b"P" * 20}, {"share": 0}],
    ids=lambda change: next(iter(change)),
)
def test_a_key_that_was_handed_on_is_for_one_context(denied, passed_on, context, bob, change):
    with pytest.raises(SealError, match=CLOSED):
        open_rewrapped(denied, replace(context, **change), passed_on, bob.address, bob.keys)


def test_a_key_that_was_handed_on_is_for_one_blob(context, alice, bob):
    """Of the same report and under the same content key: the digest alone tells them apart."""
    key = os.urandom(32)
    one, other = (
        seal(SHARE, context, [alice.recipient], _given(key, nonce))
        for nonce in (b"1" * 12, b"2" * 12)
    )
    wrapped = rewrap(one, context, alice.address, alice.keys, bob.recipient)
    assert open_rewrapped(one, context, wrapped, bob.address, bob.keys) == SHARE
    with pytest.raises(SealError, match=CLOSED):
        open_rewrapped(other, context, wrapped, bob.address, bob.keys)


def test_a_flip_anywhere_closes_it_for_the_one_that_it_was_handed_to(
    denied, passed_on, context, bob
):
    for at in range(len(passed_on)):
        flipped = patched(passed_on, at, bytes([passed_on[at] ^ 1]))
        with pytest.raises(SealError, match=CLOSED):
            open_rewrapped(denied, context, flipped, bob.address, bob.keys)
    for at in (20, 500, len(denied) - 20, len(denied) - 1):
        flipped = patched(denied, at, bytes([denied[at] ^ 1]))
        with pytest.raises(SealError, match=CLOSED):
            open_rewrapped(flipped, context, passed_on, bob.address, bob.keys)


@pytest.mark.parametrize("size", [0, 1, 31, 1119, 1120, WRAP_SIZE - 1, WRAP_SIZE + 1])
def test_a_wrapped_key_of_another_size_does_not_open(denied, passed_on, context, bob, size):
    wrapped = (passed_on + bytes(32))[:size]
    with pytest.raises(SealError, match=CLOSED):
        open_rewrapped(denied, context, wrapped, bob.address, bob.keys)


@pytest.mark.parametrize("key", [b"", b"k" * 16, b"k" * 31, b"k" * 32, b"k" * 33])
def test_another_key_that_was_handed_on_does_not_open(denied, context, bob, key):
    info = sealing._rewrap_info(denied, context, bob.address, bob.keys.public)
    wrapped = bob.keys.public.wrap(key, info)
    with pytest.raises(SealError, match=CLOSED):
        open_rewrapped(denied, context, wrapped, bob.address, bob.keys)


def test_a_reporters_wrap_and_a_holders_are_not_exchanged(context, alice, bob):
    blob = seal(SHARE, context, [alice.recipient, bob.recipient], os.urandom)
    sealed = SealedBlob.decode(blob)
    ours, (address, reporters) = sealed.wraps
    holders = rewrap(blob, context, alice.address, alice.keys, bob.recipient)
    assert open_sealed(blob, context, bob.address, bob.keys) == SHARE
    with pytest.raises(SealError, match=CLOSED):
        open_rewrapped(blob, context, reporters, bob.address, bob.keys)
    exchanged = _resealed(replace(sealed, wraps=(ours, (address, holders))), context, alice)
    assert open_sealed(exchanged, context, alice.address, alice.keys) == SHARE
    with pytest.raises(SealError, match=CLOSED):
        open_sealed(exchanged, context, bob.address, bob.keys)


def test_a_key_that_was_handed_on_can_be_opened_by_hand(denied, passed_on, context, bob):
    bound = (context.digest(), digest(denied), bob.address, bob.keys.public.digest())
    key = bob.keys.unwrap(passed_on, labelled("seal-rewrap", bound))
    sealed = SealedBlob.decode(denied)
    about = labelled("seal-content", (context.digest(), sealed.header()))
    assert AESGCM(key).decrypt(sealed.nonce, sealed.ciphertext, about) == SHARE


def test_a_blob_that_is_none_is_told_as_such(passed_on, context, alice, bob):
    for junk in (b"", b"junk", sealing.MAGIC):
        with pytest.raises(SealError, match="sealed blob"):
            open_rewrapped(junk, context, passed_on, bob.address, bob.keys)
        with pytest.raises(SealError, match="sealed blob"):
            rewrap(junk, context, alice.address, alice.keys, bob.recipient)


def test_every_refusal_of_a_key_that_was_handed_on_reads_the_same(
    denied, passed_on, context, alice, bob
):
    """Also as one that the reporter wrapped, so that a reply tells an attacker nothing."""
    seen = set()
    for attempt in (
        lambda: open_rewrapped(denied, context, passed_on, bob.address, alice.keys),
        lambda: open_rewrapped(denied, context, passed_on[::-1], bob.address, bob.keys),
        lambda: open_rewrapped(denied[:-1] + b"?", context, passed_on, bob.address, bob.keys),
        lambda: open_sealed(denied, context, bob.address, bob.keys),
        lambda: rewrap(denied, context, bob.address, bob.keys, alice.recipient),
    ):
        with pytest.raises(SealError) as refused:
            attempt()
        assert refused.value.__cause__ is None
        seen.add(str(refused.value))
    assert len(seen) == 1


@pytest.mark.parametrize("count", [0, MAX_HOLDERS + 1])
def test_too_few_or_too_many_holders_are_not_sealed_to(context, alice, count):
    recipients = [Recipient(bytes([at]) * 20, alice.keys.public) for at in range(count)]
    with pytest.raises(EncodingError, match="1 to 5 different holders"):
        seal(SHARE, context, recipients, os.urandom)


def test_one_holder_twice_or_a_wrong_address_is_not_sealed_to(context, alice):
    with pytest.raises(EncodingError, match="different holders"):
        seal(SHARE, context, [alice.recipient, alice.recipient], os.urandom)
    with pytest.raises(EncodingError, match="not 20 bytes"):
        seal(SHARE, context, [Recipient(b"z" * 19, alice.keys.public)], os.urandom)


@pytest.mark.parametrize("sizes", [(31, 12), (33, 12), (32, 11), (16, 12)])
def test_a_source_of_randomness_that_gives_another_size_is_refused(context, alice, sizes):
    with pytest.raises(EncodingError, match="wrong number of bytes"):
        seal(SHARE, context, [alice.recipient], _given(*map(os.urandom, sizes)))


def test_a_share_beyond_the_cipher_is_refused_before_any_work(context, alice, monkeypatch):
    monkeypatch.setattr(sealing, "MAX_PLAINTEXT", 10)
    with pytest.raises(EncodingError, match="11 bytes, at most 10"):
        seal(bytes(11), context, [alice.recipient], os.urandom)
    kept = seal(bytes(10), context, [alice.recipient], os.urandom)
    monkeypatch.setattr(sealing, "MAX_PLAINTEXT", 9)
    with pytest.raises(SealError, match="not what its fields say"):
        SealedBlob.decode(kept)


@given(ADDRESSES, st.data(), st.binary(min_size=12, max_size=12), st.binary(min_size=16))
def test_what_is_encoded_is_decoded(addresses, data, nonce, ciphertext):
    wrap = st.binary(min_size=4, max_size=4).map(lambda part: part * 292)
    wraps = tuple((address, data.draw(wrap)) for address in addresses)
    sealed = SealedBlob(wraps, nonce, ciphertext)
    assert SealedBlob.decode(sealed.encode()) == sealed


@given(st.integers(0, 255), st.integers(0, 2**64 - 1), st.binary(max_size=5000))
def test_whatever_decodes_is_the_encoding_of_what_it_says(count, length, rest):
    at = count * 1188 + 12
    body = bytes([count]) + patched(rest, at, length.to_bytes(8, "big"))[: len(rest)]
    for blob in (rest, sealing.MAGIC + rest, sealing.MAGIC + body):
        try:
            sealed = SealedBlob.decode(blob)
        except SealError:
            continue
        assert sealed.encode() == blob


def test_every_cut_and_every_tail_is_refused(blob):
    for size in range(len(blob)):
        with pytest.raises(SealError):
            SealedBlob.decode(blob[:size])
    for tail in (b"\0", b"\0" * 16, blob):
        with pytest.raises(SealError, match="not what its fields say"):
            SealedBlob.decode(blob + tail)


@pytest.mark.parametrize("count", [0, 6, 255])
def test_a_count_of_holders_outside_its_range_is_refused(blob, count):
    with pytest.raises(SealError, match=f"{count} holders, not 1 to 5"):
        SealedBlob.decode(patched(blob, 16, bytes([count])))


@pytest.mark.parametrize("length", [0, 15, 2**31, 2**64 - 1])
def test_a_length_that_lies_is_refused(blob, length):
    at = 17 + 2 * 1188 + 12
    with pytest.raises(SealError, match="not what its fields say"):
        SealedBlob.decode(patched(blob, at, length.to_bytes(8, "big")))


def test_a_ciphertext_shorter_than_its_tag_is_refused(blob):
    at = 17 + 2 * 1188 + 12
    with pytest.raises(SealError, match="not what its fields say"):
        SealedBlob.decode(blob[:at] + (15).to_bytes(8, "big") + bytes(15))


def test_a_holder_named_twice_is_refused(blob):
    twice = patched(blob, 17 + 1188, blob[17 : 17 + 20])
    with pytest.raises(SealError, match="names a holder twice"):
        SealedBlob.decode(twice)


def _given(*values: bytes):
    rest = iter(values)
    return lambda _size: next(rest)


def _resealed(sealed: SealedBlob, context, holder) -> bytes:
    """The share once more, under the same key, for other wraps; as a dishonest reporter could."""
    key = holder.keys.unwrap(
        dict(sealed.wraps)[holder.address],
        sealing._wrap_info(context, holder.address, holder.keys.public),
    )
    bound = sealing._associated_data(context, sealed.header())
    ciphertext = AESGCM(key).encrypt(sealed.nonce, SHARE, bound)
    return replace(sealed, ciphertext=ciphertext).encode()

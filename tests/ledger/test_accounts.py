"""Keys, their files, and addresses."""

import pytest

from troth.errors import DecodeError, ParameterError, StateFileError
from troth.ledger.account import Account
from troth.ledger.address import ZERO, Address

# Examples of EIP-55.
CHECKSUMMED = [
    "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
    "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
    "0x52908400098527886E0F7030069857D2E4169EE7",
    "0xde709f2102306220921060314715629080e2fb77",
]


@pytest.mark.parametrize("text", CHECKSUMMED)
def test_addresses_print_with_their_checksum(text):
    address = Address.parse(text)
    assert str(address) == text
    assert Address.parse(text.lower()) == address
    assert Address.parse("0x" + text[2:].upper()) == address
    assert repr(address) == f"Address.parse({text!r})"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0x",
        CHECKSUMMED[0][2:],
        CHECKSUMMED[0] + "0",
        CHECKSUMMED[0][:-1],
        CHECKSUMMED[0].replace("A", "a", 1),
        "0x" + "g" * 40,
        "0x" + " " * 40,
        "0x" + "é" * 40,
    ],
)
def test_other_texts_are_no_address(text):
    with pytest.raises(DecodeError):
        Address.parse(text)


def test_addresses_are_bytes_of_one_length():
    assert bytes(20) == ZERO
    assert hash(ZERO) == hash(bytes(20))
    with pytest.raises(DecodeError, match="20 bytes, not 19"):
        Address(bytes(19))


def test_the_key_of_an_account_does_not_show():
    account = Account(b"\x42" * 32)
    assert "42" * 8 not in repr(account)
    assert str(account.address) in repr(account)


@pytest.mark.parametrize("secret", [b"", b"\1" * 31, b"\1" * 33, bytes(32), b"\xff" * 32])
def test_secrets_outside_the_curve_are_refused(secret):
    with pytest.raises(ParameterError):
        Account(secret)


def test_a_key_file_is_read_back(tmp_path):
    account = Account(b"\3" * 32)
    account.write(tmp_path / "key")
    assert (tmp_path / "key").stat().st_mode & 0o777 == 0o600
    assert Account.read(tmp_path / "key").address == account.address
    with pytest.raises(StateFileError, match="cannot be written"):
        account.write(tmp_path / "key")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o610])
def test_a_key_file_that_others_may_read_is_refused(tmp_path, mode):
    path = tmp_path / "key"
    Account(b"\3" * 32).write(path)
    path.chmod(mode)
    with pytest.raises(StateFileError, match="chmod 600"):
        Account.read(path)


@pytest.mark.parametrize("content", [b"", b"12", b"zz" * 32, b"\xff" * 64, b"00" * 32])
def test_a_damaged_key_file_is_refused(tmp_path, content):
    path = tmp_path / "key"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(StateFileError):
        Account.read(path)


def test_a_missing_key_file_is_refused(tmp_path):
    with pytest.raises(StateFileError, match="no readable key file"):
        Account.read(tmp_path / "none")

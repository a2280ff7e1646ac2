"""The seal: who vouches for the last block, which no later block names."""

from eth_keys.constants import SECPK1_N
from eth_keys.datatypes import Signature
from eth_keys.exceptions import BadSignature
from eth_utils.exceptions import ValidationError

from troth.audit.members import SEAL, SEAL_FORMAT, Seal
from troth.domain.hashing import integer, labelled
from troth.errors import BundleFalse, DecodeError
from troth.ledger.account import Account
from troth.ledger.address import Address


def digest_of(chain_id: int, head: bytes) -> bytes:
    """What a sealer signs."""
    return labelled("seal", (integer(chain_id), head))


def make(account: Account, chain_id: int, head: bytes) -> Seal:
    """Seal a chain; run by whoever writes the bundle, a member of the consortium."""
    return Seal(SEAL_FORMAT, head, account.sign(digest_of(chain_id, head)).to_bytes())


def signer(seal: Seal, chain_id: int, head: bytes) -> Address:
    """Whose signature this is, if it is one under ``head``.

    Raises:
        BundleFalse: it is nobody's signature, or not in its one form.
    """
    try:
        return recover(seal.signature, digest_of(chain_id, head))
    except DecodeError as problem:
        raise BundleFalse(SEAL, "signature", "a signature", f"none ({problem})") from problem


def recover(signature: bytes, digest: bytes) -> Address:
    """Whose secp256k1 signature r ‖ s ‖ v (65 bytes) under a 32-byte digest this is.

    Raises:
        DecodeError: it belongs to no key, or is not in its one form (EIP-2: the lower s).
    """
    try:
        found = Signature(signature_bytes=signature)
        if found.s > SECPK1_N // 2:
            raise DecodeError("a signature with the higher s, which is not its one form")
        key = found.recover_public_key_from_msg_hash(digest)
    except (BadSignature, ValidationError) as problem:
        raise DecodeError("a signature that belongs to no key") from problem
    return Address(key.to_canonical_address())

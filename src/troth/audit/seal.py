"""The seal: who vouches for the last block, which no later block names."""

from eth_keys.constants import SECPK1_N
from eth_keys.datatypes import Signature
from eth_keys.exceptions import BadSignature
from eth_utils.exceptions import ValidationError

from troth.audit.members import SEAL, SEAL_FORMAT, Seal
from troth.domain.hashing import integer, labelled
from troth.errors import BundleFalse
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
        BundleFalse: it is nobody's signature, or not in its one form (EIP-2: the lower s).
    """
    try:
        signature = Signature(signature_bytes=seal.signature)
        if signature.s > SECPK1_N // 2:
            raise BundleFalse(
                SEAL, "signature", "a signature in its one form", "the other, with the higher s"
            )
        key = signature.recover_public_key_from_msg_hash(digest_of(chain_id, head))
    except (BadSignature, ValidationError) as problem:
        raise BundleFalse(
            SEAL, "signature", "a signature", "none that belongs to a key"
        ) from problem
    return Address(key.to_canonical_address())

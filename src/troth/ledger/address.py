"""Account and contract addresses: 20 bytes that print with their checksum."""

from typing import Self

from eth_hash.auto import keccak

from troth.errors import DecodeError


class Address(bytes):
    """Twenty bytes; ``str()`` gives the mixed-case text of EIP-55 (final version).

    Compares and hashes as bytes, so it can be looked up by what a decoder yields.
    """

    __slots__ = ()

    def __new__(cls, value: bytes) -> Self:
        """Wrap 20 bytes.

        Raises:
            DecodeError: for any other length.
        """
        if len(value) != 20:
            raise DecodeError(f"an address has 20 bytes, not {len(value)}")
        return super().__new__(cls, value)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``0x`` and 40 hexadecimal digits; mixed case must be the right checksum.

        Raises:
            DecodeError: if the text is anything else.
        """
        digits = text.removeprefix("0x")
        if len(digits) != 40 or len(text) != 42:
            raise DecodeError(f"{text!r} is not 0x and 40 hexadecimal digits")
        try:
            address = cls(bytes.fromhex(digits))
        except ValueError as problem:
            raise DecodeError(f"{text!r} is not 0x and 40 hexadecimal digits") from problem
        if digits not in (digits.lower(), digits.upper()) and str(address) != text:
            raise DecodeError(f"the checksum of {text!r} does not hold")
        return address

    def __str__(self) -> str:
        digits = self.hex()
        mask = keccak(digits.encode()).hex()
        cased = (d.upper() if m >= "8" else d for d, m in zip(digits, mask, strict=False))
        return "0x" + "".join(cased)

    def __repr__(self) -> str:
        return f"Address.parse({str(self)!r})"


ZERO = Address(bytes(20))

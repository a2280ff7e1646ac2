"""Holders and a context for the tests of the storage room."""

import os
from dataclasses import dataclass

import pytest

from troth.storage.context import SealContext
from troth.storage.keys import HpkeKeyPair
from troth.storage.seal import Recipient


@dataclass(frozen=True)
class Holder:
    """A committee member with its key pair of the round."""

    address: bytes
    keys: HpkeKeyPair

    @property
    def recipient(self) -> Recipient:
        return Recipient(self.address, self.keys.public)


def holder() -> Holder:
    return Holder(os.urandom(20), HpkeKeyPair.generate())


@pytest.fixture(scope="session")
def alice() -> Holder:
    return holder()


@pytest.fixture(scope="session")
def bob() -> Holder:
    return holder()


@pytest.fixture(scope="session")
def context() -> SealContext:
    return SealContext(
        chain_id=31337,
        contract=b"c" * 20,
        study=b"s" * 32,
        round=7,
        role="noise",
        party=b"p" * 20,
        candidate=0,
        share=1,
    )

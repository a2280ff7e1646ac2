"""One small real study whose bundle all audit tests share: with a lie, an abort and a refusal."""

import copy
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from troth.audit.agreements import verify_agreements
from troth.audit.bundle import read_bundle, write_bundle
from troth.audit.chain import verify_chain
from troth.audit.deployment import verify_deployment
from troth.audit.evidence import gather
from troth.audit.history import replay
from troth.audit.trust import trust_document
from troth.domain.hashing import digest
from troth.ledger.bindings import consortium, rounds
from troth.scenarios.small_study import DIMENSION, Shape, SmallStudy, small_study
from troth.testing.bundle_edits import read_members
from troth.testing.forgers import shard_over_norm

TOO_LONG = 100_000
LIAR = 2


@dataclass(frozen=True)
class Packed:
    """A played study and what it left."""

    small: SmallStudy
    path: Path
    trust: bytes

    @property
    def data(self) -> bytes:
        """The bundle."""
        return self.path.read_bytes()

    @property
    def members(self) -> dict[str, bytes]:
        """Its members."""
        return read_members(self.data)


def vectors(place: int, number: int) -> list[int]:
    """Honest little vectors; the liar's is far too long."""
    return [TOO_LONG] * DIMENSION if place == LIAR else [place + number] * DIMENSION


def play(folder: Path) -> SmallStudy:
    """Round 1 aborts, rounds 2 and 3 become final without the liar, a fourth is refused."""
    shape = Shape(rounds=2, max_aborts=2)
    small = small_study(folder, shape, vectors, {LIAR: shard_over_norm})
    play_ = small.consortium
    first = small.aggregators[0].account
    study = small.study.study_id
    play_.send(first, rounds.announce(study, 1, digest(b"head"), digest(b"hpke")))
    play_.ledger.advance(1000)
    play_.send(first, rounds.expire(study, 1))
    small.run()
    play_.send(first, rounds.open(study, 4), force=True)
    label = digest(b"label")
    newcomer = play_.deployment.addresses["Rounds"]  # any address can be voted on
    play_.send(first, consortium.vote_admission(newcomer, 1, label))
    return small


@pytest.fixture(scope="session")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Packed:
    """The bundle and the trust file of that study."""
    folder = tmp_path_factory.mktemp("study")
    small = play(folder)
    ledger, store = small.consortium.ledger, small.consortium.store
    path = folder / "study.troth"
    write_bundle(path, ledger, store, small.consortium.organisations[0].account)
    return Packed(small, path, trust_document(ledger))


@pytest.fixture(scope="session")
def project() -> Path:
    """The checkout."""
    return Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def rounds_of_study(packed):
    bundle = read_bundle(packed.path)
    chain = verify_chain(bundle.blocks, bundle.transactions, bundle.seal)
    deployment = verify_deployment(chain, bundle.contracts)
    history = replay(chain, deployment)
    contract = deployment.addresses["Rounds"]
    agreed = verify_agreements(history, chain.chain_id, contract, bundle.terms)
    studies = {study_id: found.study for study_id, found in agreed.active.items()}
    return list(gather(history, studies, bundle.blobs))


@pytest.fixture
def second(rounds_of_study):
    """Round 2, the first that became final, free to be bent."""
    found = rounds_of_study[1]
    return replace(found, view=copy.deepcopy(found.view), blobs=dict(found.blobs))

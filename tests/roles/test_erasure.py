"""After a round nothing secret of it is left on disk: all files are searched for the bytes."""

from tests.roles.staging import TWO_SITES, ended, view_of

from troth.roles.member import AggregatorState
from troth.roles.trainer import TrainerState
from troth.round.transitions import State


def files(folder):
    return [path for path in folder.rglob("*") if path.is_file()]


def holding(folder, secrets):
    """Names of secrets whose bytes stand in some file, bare or in hexadecimal."""
    contents = [path.read_bytes() for path in files(folder)]
    return {
        name
        for name, secret in secrets.items()
        if any(secret in found or secret.hex().encode() in found for found in contents)
    }


def secrets_of(small):
    """Keys, seeds, reports and shares of a round that has been reported."""
    view, study = view_of(small).current, small.study
    found = {}
    for index, party in enumerate(small.aggregators):
        state = party.state
        found[f"key {index}"] = state.key
        found[f"hpke {index}"] = state.hpke
        for number, noise in enumerate(state.noise):
            found[f"seed {index}.{number}"] = noise.seed
            place = study.noise_place(index, number)
            made = noise.again(study, study.where(1), place, view.heads_digest)
            for share, body in enumerate(made.sharing.extended):
                found[f"share {index}.{number}.{share}"] = body
    for index, party in enumerate(small.sites):
        (path,) = small.consortium.folder.glob(f"site-{index}/*/kept/{party.state.shares.hex()}")
        found[f"shares of site {index}"] = path.read_bytes()
    return found


def sealed(small):
    """The store's names of all sealed shares."""
    reports = [party.state.report for party in small.sites]
    reports += [noise.report for party in small.aggregators for noise in party.state.noise]
    return [name for report in reports for name in report.sealed]


def finished(small, parties):
    """Everything that is left to do after a round."""
    view = small.run(ended, parties)
    for _ in range(3):
        small.consortium.finish(view, parties)
    return view.rounds[1]


def test_while_a_round_runs_its_secrets_are_where_they_should_be(world):
    """So that a search that finds nothing later says something."""
    small = world(TWO_SITES, State.CLOSED)
    secrets = secrets_of(small)
    found = holding(small.consortium.folder, secrets)
    assert found == {name for name in secrets if not name.startswith("share ")}
    assert holding(small.consortium.folder.parent / "store", secrets) == set()


def test_after_a_final_round_only_what_was_opened_is_left_anywhere(world):
    small = world(TWO_SITES, State.CLOSED)
    secrets, names = secrets_of(small), sealed(small)
    view = finished(small, small.parties)
    assert view.state is State.FINAL
    assert holding(small.consortium.folder.parent, secrets) == set()
    assert not any(small.consortium.store.has(name) for name in names)
    assert {party.state for party in small.aggregators} == {AggregatorState(round=1)}
    assert {party.state for party in small.sites} == {TrainerState(round=1)}
    left = [path for path in files(small.consortium.folder) if path.name != "state"]
    assert left == []
    opened = {seed for seeds in view.seeds.values() for seed in seeds}
    kept = {secret for name, secret in secrets.items() if name.startswith("seed")} - opened
    assert len(opened) == len(kept) == 2


def test_after_an_aborted_round_as_well(world):
    small = world(TWO_SITES, State.JUDGED)
    secrets, names = secrets_of(small), sealed(small)
    view = finished(small, [*small.sites, small.aggregators[0]])
    assert view.aborted == ("Withheld", small.study.committee[1])
    gone = {name for name in secrets if name.split(" ")[1][0] == "0" or "site" in name}
    assert holding(small.consortium.folder, secrets) & gone == set()
    assert names


def test_a_second_model_step_needs_no_secret_of_the_first(world):
    """What a state keeps after a round is its number: it only grows."""
    small = world(TWO_SITES, State.CLOSED)
    finished(small, small.parties)
    for party in small.parties:
        encoded = party.role.encode(party.state)
        assert party.role.decode(encoded) == party.state
        assert len(encoded) < 300


def test_masks_and_shares_of_a_round_in_memory_go_with_it(world):
    small = world(TWO_SITES, State.JUDGED)
    finished(small, small.parties)
    for party in small.aggregators:
        assert party.role._work.verified is None

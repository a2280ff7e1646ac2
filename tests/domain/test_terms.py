"""Terms are read strictly, and contradictions are named where they stand."""

import json

import pytest

from troth.domain import canonical, terms
from troth.errors import TermsError
from troth.ledger.account import Account
from troth.scenarios.consortium import AGGREGATOR, SITE, Dataset, Organisation
from troth.scenarios.small_study import Shape, small_terms


@pytest.fixture(scope="module")
def document():
    """The JSON value of terms that hold."""

    def organisations(roles, first):
        return [Organisation("x", roles, Account(bytes([first + n] * 32))) for n in range(3)]

    datasets = [Dataset(bytes([n] * 32), bytes([n] * 32), 64) for n in (1, 2, 3)]
    shape = Shape(members=3)
    made = small_terms(shape, 31337, organisations(SITE, 1), organisations(AGGREGATOR, 9), datasets)
    return json.loads(made.encode())


def refused(document, path, value):
    changed = json.loads(json.dumps(document))
    *outer, last = path
    place = changed
    for key in outer:
        place = place[key]
    if value is None:
        del place[last]
    else:
        place[last] = value
    with pytest.raises(TermsError) as caught:
        terms.decode(canonical.encode(changed))
    return caught.value


def test_terms_that_hold_are_read(document):
    assert terms.decode(canonical.encode(document)).name == "small study"


@pytest.mark.parametrize(
    ("path", "value", "where"),
    [
        (("format",), "troth/terms/v2", "format"),
        (("mode",), "B5", "mode"),
        (("mode",), "B4", "committee"),
        (("mode",), 2, "mode"),
        (("privacy", "unit"), "client", "privacy.unit"),
        (("privacy", "neighbours"), "replace-one", "privacy.neighbours"),
        (("privacy", "mechanism"), "laplace", "privacy.mechanism"),
        (("model", "optimiser"), "adam", "model.optimiser"),
        (("model", "loss"), "hinge", "model.loss"),
        (("model", "name"), "decision-tree", "model.name"),
        (("model", "name"), "confusion-counts", "model.learning_rate"),
        (("model", "name"), None, "model.name"),
        (("model", "name"), 7, "model.name"),
        (("model",), "logistic-regression", "model"),
        (("rounds",), 0, "rounds"),
        (("rounds",), "20", "rounds"),
        (("rounds",), True, "rounds"),
        (("rounds",), 2.5, "rounds"),
        (("rounds",), None, "rounds"),
        (("surprise",), 1, "surprise"),
        (("privacy", "delta"), 0, "privacy.delta"),
        (("privacy", "delta"), 1, "privacy.delta"),
        (("privacy", "epsilon"), 0, "privacy.epsilon"),
        (("privacy", "clip"), 0, "privacy.clip"),
        (("privacy", "noise_variance"), 3, "privacy.noise_variance"),
        (("privacy", "honest"), 3, "privacy.honest"),
        (("privacy", "noise_candidates"), 1, "privacy.noise_candidates"),
        (("privacy", "noise_candidates"), 3, "privacy.noise_candidates"),
        (("privacy", "noise_candidates"), 16, "privacy.noise_candidates"),
        (("finality", "corrupt_sites"), 2, "finality.corrupt_sites"),
        (("finality", "corrupt_sites"), -1, "finality.corrupt_sites"),
        (("finality", "accusations"), 0, "finality.accusations"),
        (("finality", "accusations"), 256, "finality.accusations"),
        (("finality", "every_site"), 1, "finality.every_site"),
        (("finality",), None, "finality"),
        (("quorum", "min_sites"), 4, "quorum.min_sites"),
        (("quorum", "min_weight"), 99, "quorum.min_weight"),
        (("windows", "judge"), 0, "windows.judge"),
        (("windows", "judge"), 20, "windows.judge"),
        (("windows", "answer"), 20, "windows.answer"),
        (("windows", "confirm"), 20, "windows.confirm"),
        (("windows", "open_noise"), 20, "windows.open_noise"),
        (("windows", "confirm_files"), 100, "windows.confirm_files"),
        (("max_aborts",), -1, "max_aborts"),
        (("committee",), ["0x12"], "committee[0]"),
        (("committee",), [], "committee"),
        (("sites",), [], "sites"),
        (("sites", 0, "weight"), 0, "sites[0].weight"),
        (("sites", 1, "lineage"), "0x" + "01" * 32, "sites"),
        (("sites", 1, "version"), "0x01", "sites[1].version"),
        (("sites", 1), 7, "sites[1]"),
        (("sites",), {}, "sites"),
        (("model", "dimension"), 5, "model.dimension"),
        (("model", "momentum"), 1, "model.momentum"),
        (("model", "learning_rate"), 0, "model.learning_rate"),
        (("preprocessing", "scale"), [1, 1, 0], "preprocessing.scale"),
        (("preprocessing", "shift"), [1], "preprocessing"),
        (("name",), "", "name"),
        (("purpose",), "  ", "purpose"),
    ],
)
def test_a_contradiction_is_named_where_it_stands(document, path, value, where):
    assert refused(document, path, value).where == where


def with_committee(document, mode, members, honest):
    """Terms of this mode with a committee of this size, and no site assumed corrupt."""
    committee = [str(Account(bytes([9 + n] * 32)).address) for n in range(members)]
    privacy = document["privacy"] | {"honest": honest}
    finality = document["finality"] | {"corrupt_sites": 0}
    return document | {
        "mode": mode,
        "committee": committee,
        "privacy": privacy,
        "finality": finality,
    }


@pytest.mark.parametrize(
    ("mode", "members", "most"),
    [("A", 2, 1), ("A", 3, 2), ("A", 4, 3), ("A", 5, 4), ("B3", 3, 2), ("B4", 4, 2)],
)
def test_each_mode_has_its_committees_and_its_largest_h(document, mode, members, most):
    for honest in range(1, most + 1):
        read = terms.decode(canonical.encode(with_committee(document, mode, members, honest)))
        assert (read.mode, len(read.committee), read.privacy.honest) == (mode, members, honest)
    with pytest.raises(TermsError, match=f"at most {most} in mode {mode}") as caught:
        terms.decode(canonical.encode(with_committee(document, mode, members, most + 1)))
    assert caught.value.where == "privacy.honest"
    assert terms.most_honest(mode, members) == most


@pytest.mark.parametrize(
    ("mode", "takes", "sizes"),
    [("A", "2 to 5", (1, 6)), ("B3", "exactly 3", (2, 4)), ("B4", "exactly 4", (2, 3, 5))],
)
def test_a_committee_of_another_size_is_told_which_its_mode_takes(document, mode, takes, sizes):
    for members in sizes:
        with pytest.raises(TermsError, match=f"{members} members, mode {mode} takes {takes}"):
            terms.decode(canonical.encode(with_committee(document, mode, members, 1)))


def test_where_a_member_may_be_missing_enough_sites_must_be_honest(document):
    """Or one crash would leave too few votes for any round to become final."""
    four = with_committee(document, "B4", 4, 1)
    least = document["quorum"]["min_sites"]
    one_too_many = four | {"finality": four["finality"] | {"corrupt_sites": least - 1}}
    with pytest.raises(TermsError, match=r"2 below quorum\.min_sites") as caught:
        terms.decode(canonical.encode(one_too_many))
    assert caught.value.where == "finality.corrupt_sites"
    three = with_committee(document, "B3", 3, 1)
    terms.decode(canonical.encode(three | {"finality": one_too_many["finality"]}))


def test_an_unknown_mode_is_told_the_known_ones(document):
    with pytest.raises(TermsError, match="'b4' is unknown; this version knows 'A', 'B3', 'B4'"):
        terms.decode(canonical.encode(document | {"mode": "b4"}))


@pytest.mark.parametrize("candidates", [2, 4, 8])
def test_noise_candidates_are_a_small_power_of_two(document, candidates):
    changed = document | {"privacy": document["privacy"] | {"noise_candidates": candidates}}
    assert terms.decode(canonical.encode(changed)).privacy.noise_candidates == candidates


def test_no_corrupt_site_need_be_assumed(document):
    changed = document | {"finality": document["finality"] | {"corrupt_sites": 0}}
    assert terms.decode(canonical.encode(changed)).finality.corrupt_sites == 0


def many_sites(document, count):
    site = document["sites"][0]
    accounts = [Account(n.to_bytes(32, "big")).address for n in range(1, count + 1)]
    sites = [
        site | {"account": str(account), "lineage": f"0x{n:064x}"}
        for n, account in enumerate(accounts)
    ]
    windows = dict.fromkeys(document["windows"], 3 * (count + 4))
    return document | {"sites": sites, "windows": windows}


def test_all_reports_of_a_round_fit_one_bitmap(document):
    """Three members with two candidates each leave room for 98 sites."""
    assert len(terms.decode(canonical.encode(many_sites(document, 98))).sites) == 98
    with pytest.raises(TermsError, match="105 reports") as caught:
        terms.decode(canonical.encode(many_sites(document, 99)))
    assert caught.value.where == "sites"


@pytest.fixture(scope="module")
def evaluation(document):
    """The JSON value of an evaluation's terms that hold."""
    changed = json.loads(json.dumps(document))
    name = "0x" + "ab" * 32
    model = {"name": "confusion-counts", "dimension": 4, "study": name, "digest": name}
    changed["privacy"] |= {"clip": 1, "scale_bits": 0}
    return changed | {"rounds": 1, "model": model}


def test_an_evaluation_that_holds_is_read(evaluation):
    read = terms.decode(canonical.encode(evaluation))
    assert isinstance(read.model, terms.EvaluationTerms)
    assert terms.decode(read.encode()) == read


@pytest.mark.parametrize(
    ("path", "value", "where"),
    [
        (("model", "dimension"), 3, "model.dimension"),
        (("model", "digest"), "0xAB", "model.digest"),
        (("model", "study"), "0x" + "ab" * 31, "model.study"),
        (("model", "study"), None, "model.study"),
        (("model", "loss"), "logistic", "model.loss"),
        (("model", "name"), "logistic-regression", "model.digest"),
        (("privacy", "clip"), 2, "privacy.clip"),
        (("privacy", "scale_bits"), 1, "privacy.scale_bits"),
        (("rounds",), 2, "rounds"),
        (("preprocessing", "scale"), [1, 1, 0], "preprocessing.scale"),
    ],
)
def test_a_contradiction_in_an_evaluation_is_named_where_it_stands(evaluation, path, value, where):
    assert refused(evaluation, path, value).where == where


def test_a_party_that_stands_twice_is_refused(document):
    site = document["sites"][0]["account"]
    assert "twice" in refused(document, ("committee", 1), site).problem
    assert "twice" in refused(document, ("sites", 1, "account"), site).problem


@pytest.mark.parametrize("data", [b"", b"hello", b"{}", b"[1]", b"\xff\xfe", b'{"a":1,"a":1}'])
def test_what_is_no_terms_document_is_refused(data):
    with pytest.raises(TermsError):
        terms.decode(data)


def test_terms_in_another_form_than_the_canonical_one_are_refused(document):
    with pytest.raises(TermsError, match="canonical"):
        terms.decode(json.dumps(document).encode())


def test_a_draft_may_be_laid_out_in_any_way(document):
    drafted = json.dumps(document, indent=2, sort_keys=False).encode()
    assert terms.from_any_layout(drafted) == terms.decode(canonical.encode(document))


@pytest.mark.parametrize(
    ("change", "where", "problem"),
    [
        (lambda text: text + "}", "document", "not JSON at line 1, column "),
        (lambda text: text[:-1] + ',"rounds":1}', "document", "the key 'rounds' stands twice"),
        (lambda text: text.replace('"name": "sm', '"name": "\\ud800'), "document", "UTF-8"),
    ],
)
def test_a_draft_that_cannot_be_read_is_told_where(document, change, where, problem):
    with pytest.raises(TermsError) as caught:
        terms.from_any_layout(change(json.dumps(document)).encode())
    assert caught.value.where == where
    assert problem in caught.value.problem


@pytest.mark.parametrize("number", ["1e400", "1" + "0" * 400])
def test_a_number_that_no_float_holds_is_told_where(document, number):
    marked = document | {"privacy": document["privacy"] | {"delta": "here"}}
    drafted = json.dumps(marked).replace('"here"', number)
    with pytest.raises(TermsError, match=r"2\^53") as caught:
        terms.from_any_layout(drafted.encode())
    assert caught.value.where == "privacy.delta"

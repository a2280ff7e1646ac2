"""The director's page: complete, self-contained, honest, and safe to open."""

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from troth.audit.claims import attested, not_covered, proved
from troth.errors import InputError
from troth.round.transitions import table
from troth.scenarios import report
from troth.scenarios.result import Matrix, Rejection, Reports

CLAIMS = (
    proved("every sum follows"),
    proved("every price follows"),
    attested("7 of 7 voters", "the model"),
    not_covered("that a site clipped the records of its own patients"),
)
VOID = {"meta", "br", "rect"}


@pytest.fixture
def page(made_up_result):
    return report.render(made_up_result, CLAIMS)


class Reader(HTMLParser):
    """Collects the elements, and sees to it that they are closed in order."""

    def __init__(self):
        super().__init__()
        self.open = []
        self.elements = []
        self.text = ""

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if not self.open or self.open[-1] != "style":
            self.text += data


def read(page):
    reader = Reader()
    reader.feed(page)
    reader.close()
    assert reader.open == []
    reader.text = " ".join(reader.text.split())
    return reader


def test_it_is_well_formed_and_stands_alone(page):
    elements = read(page).elements
    assert page.startswith("<!doctype html>")
    assert not {"script", "link", "img", "iframe", "object", "form"} & {tag for tag, _ in elements}
    assert not re.search(r"https?:|//|url\(|@import|src=|href=", page)
    assert "default-src 'none'" in page
    assert not [name for _, attributes in elements for name in attributes if name.startswith("on")]


def test_pictures_can_be_read_aloud(page):
    elements = read(page).elements
    names = {attributes["id"] for _, attributes in elements if "id" in attributes}
    pictures = [attributes for tag, attributes in elements if tag == "svg"]
    assert len(pictures) == 2
    for picture in pictures:
        assert picture["role"] == "img"
        assert set(picture["aria-labelledby"].split()) <= names
    assert "Hospital 3 alone: 95.6%, 5 wrong." in page
    assert "Together, with Troth: 97.4%, 3 wrong." in page


def test_bars_are_as_long_as_what_they_show(page):
    bars = [
        (attributes["class"], attributes["width"])
        for tag, attributes in read(page).elements
        if tag == "rect" and attributes["class"] != "track"
    ]
    assert bars[0] == ("bar open", "98.25%")
    assert bars[6] == ("bar troth", "97.37%")
    assert bars[7:] == [
        ("bar open", "100.00%"),
        ("bar spent", "99.71%"),
        ("bar left", "0.29%"),
        ("bar asked", "100.00%"),
    ]


def test_it_tells_the_whole_story(page):
    text = read(page).text
    for words in (
        "ε in one sentence",
        "≈ 7.4 times",
        "1 in 100,000",
        "ε = 1.9968",
        "ε = 1.8365",
        "at most 1 of the 2 aggregators",
        "ρ = 0.108255 where ρ = 0.000312 was left",
        "The report of fifth site in round 2: the hidden proof that its update is no longer",
        "blocks.jsonl, offset 9: claims byte 0x33",
        "troth audit bundle.zip --trust trust.json",
        "troth demo hospitals --seed 7 --rounds 20 --mode A --ledger embedded",
        "single operator, no consensus",
        "What this does not promise",
        "Not against all aggregators together",
        "Not that every aggregator who cheats is named",
        "(1 chance in 4 per round, and everybody sees it when it is not)",
        "6 of 7 parties found that by themselves",
        "the ledger names second aggregator.",
        "Not that a hospital tells the truth about its records",
        "Not against a clever lie within the length",
        "Not for one patient in several hospitals",
        "(says 7 of 7 voters)",
        "each hospital set aside one record in 5 of either kind",
        "ε = 1.9142 guaranteed (a tighter estimate: 1.7601)",
        "a patient gives up what one of the two cost, not both",
    ):
        assert words in text, words
    for claim in CLAIMS:
        assert claim.text in text


def test_the_counts_stand_in_their_cells_with_their_noise(page):
    text = read(page).text
    table = "truly malignant 33 ± 6 found 2 ± 6 missed truly benign -1 ± 6 flagged 56 ± 6 cleared"
    assert table in text
    assert "a count below zero is no mistake" in text
    assert "All records judged rightly 97.8 % 88 to 100 % 97.4 %" in text
    assert "Malignant ones found 94.3 % 79 to 100 % 95.2 %" in text
    assert "Benign ones cleared 100.0 % 90 to 100 % 98.6 %" in text


def test_counts_that_are_all_there_need_no_word_on_those_below_zero(made_up_result):
    found = replace(made_up_result.evaluation, counts=Matrix(33, 2, 0, 56))
    text = read(report.render(replace(made_up_result, evaluation=found), CLAIMS)).text
    assert "below zero" not in text


def test_the_promise_is_the_larger_of_the_two(made_up_result):
    cheap = replace(made_up_result.privacy, epsilon_guaranteed=0.7)
    text = read(report.render(replace(made_up_result, privacy=cheap), CLAIMS)).text
    assert "ε = 1.91privacy given up by a patient, at most" in text
    assert "≈ 6.8 times" in text


def test_without_a_trust_file_it_promises_less(made_up_result):
    audited = replace(made_up_result.audit, verdict="consistent")
    text = read(report.render(replace(made_up_result, audit=audited), CLAIMS)).text
    assert "it belongs to the consortium that the trust file names" not in text
    assert "a trust file would tell" in text


def test_a_quiet_run_invents_nothing(made_up_result):
    quiet = replace(made_up_result, refusals=(), reports=Reports(100, ()))
    text = read(report.render(quiet, CLAIMS)).text
    assert "No study asked for more than was left." in text
    assert "No report was rejected." in text
    assert "Asked by a second study" not in text
    assert "it was there to lie in a later round, and this run had none" in text
    drill = "an aggregator was told to change a sum, on made-up records"
    assert f"This was staged: {drill}; we changed the byte ourselves." in text
    for words in ("times too long", "ask too much", "lie, once"):
        assert words not in text


def test_a_drill_after_which_nobody_is_named_says_so(made_up_result):
    drill = replace(made_up_result.drill, reason="Conflict", named="", accusers=0)
    text = read(report.render(replace(made_up_result, drill=drill), CLAIMS)).text
    assert "The round ended without a model (Conflict); the ledger names nobody." in text
    assert "found that by themselves" not in text


def test_two_who_differ_are_both_named_and_neither_is_accused(stopped_result):
    text = read(report.render(stopped_result, CLAIMS)).text
    for words in (
        "Stopped. In a drill on made-up records, second aggregator changed one number",
        "The round ended (Disagree) before anything was published",
        "the ledger names the two, second aggregator and third aggregator: one of them lied",
        "It spent nothing of the patients' budget.",
        "one of them lied, nobody can tell which.",
        "Of two whose sums differ, nobody can tell which one lies.",
        "One that only stops working ends the round.",
        "If any 2 of the 3 join forces, they can read every update, or change the sum.",
        "of which every aggregator got all but one",
        "97.31 %",
        "--mode B3",
        "mode B3, 3 aggregators",
    ):
        assert words in text, words
    for words in ("Not against all aggregators", "or a hospital helps it", "Rounds that went on"):
        assert words not in text


def test_a_liar_that_is_outvoted_stops_nothing(outvoted_result):
    text = read(report.render(outvoted_result, CLAIMS)).text
    for words in (
        "Outvoted. In round 1 of the training itself, second aggregator changed one number",
        "2 others hold the same share and agreed on another sum, so the ledger",
        "names second aggregator, the round went on without it, and the model is the right one.",
        "an aggregator was told to change a sum, in round 1;",
        "round 1 without second aggregator from Settled on (Disagree): its sum of share 0",
        "is named and outvoted, unless it hides the change in noise of its own",
        "The round goes on without one that only stops working.",
        "Not against two who stop.",
        "If any 2 of the 4 join forces",
        "97.24 %",
        "--mode B4",
    ):
        assert words in text, words
    for words in ("made-up records", "It spent nothing", "nobody can tell which one lies"):
        assert words not in text


def test_what_was_staged_is_said(page):
    text = read(page).text
    for words in ("made to ask too much", "100 times too long", "the byte ourselves", "lie, once"):
        assert words in text


def test_measured_means_stand_beside_the_single_run(page):
    text = read(page).text
    for words in ("98.16 %", "93.77 %", "97.54 %", "97.30 %", "ten seeds, ten noise draws each"):
        assert words in text
    assert "learns little alone" not in text


def test_verified_says_by_which_trust_file(page):
    assert "the trust file that this same run wrote" in read(page).text


def test_files_are_named_from_the_pages_own_folder(made_up_result):
    text = read(report.render(made_up_result, CLAIMS)).text
    assert "out/hospitals" not in text
    assert "bundle.zip" in text
    assert ".venv/bin/troth" in text


def test_text_of_others_stays_text(made_up_result):
    bad = '<script>alert("1")</script>'
    audited = replace(made_up_result.audit, changed_byte=bad)
    reports = Reports(1, (Rejection(bad, 2, "validity"),))
    file = "<img onerror=alert(1)>.zip"
    changed = replace(made_up_result, audit=audited, reports=reports, bundle=f"out/{file}")
    page = report.render(changed, (*CLAIMS, attested(bad, bad)))
    assert bad not in page
    assert read(page).text.count(bad) >= 4
    assert file not in page
    assert read(page).text.count(file) >= 2


def test_every_reason_of_the_transition_table_has_plain_words():
    assert set(report.REASONS) == set(table().verdicts) - {"accepted"}


def test_an_unknown_reason_or_status_is_refused(made_up_result):
    reports = Reports(1, (Rejection("fifth site", 2, "mood"),))
    with pytest.raises(InputError, match="mood"):
        report.render(replace(made_up_result, reports=reports), CLAIMS)
    with pytest.raises(InputError, match="maybe"):
        report.render(made_up_result, (replace(CLAIMS[0], status="maybe"),))

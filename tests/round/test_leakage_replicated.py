"""In modes B3 and B4 a round shows any one member the sum X and nothing else: by enumeration.

One member is corrupt. It holds every share but one of every report. Besides it sees what is public:
the sums of all shares, opened and recovered noise with all of its shares, and of every share of
every report what its holders publish to verify it. Given X (the weighted updates and the noise that
stays unopened) this has one and the same distribution for all updates, whoever the member is.

The sharing is PINE's with its XOF idealised, as in ``test_leakage.py``. Verifier shares are stood
in for: a public linear value of the share, plus an element of the proof that is shared like the
vector and is uniform for whoever does not hold it. That is what the zero knowledge of the proof
comes to (``tests/secagg/test_zero_knowledge.py``), and as there it holds for one verify key only.
"""

from functools import reduce
from itertools import product

import numpy as np
import pytest
from tests.round.test_leakage import (
    FIELD,
    FIELD3,
    SITES,
    TOTAL,
    VECTORS,
    Source,
    controlled,
    disjoint,
    inner,
    left_by,
    weighed,
    whole,
)

KEY, SECOND_KEY = (2, 3), (4, 4)
"""Verify keys: the linear value that holders publish of a share. Of one entry the first number."""


class Round:
    """One outcome per row: the reports, what holders publish, what corrupt members see of it."""

    def __init__(self, source, members, corrupt):
        self.source, self.field = source, source.field
        self.numbers = range(members)
        self.known = {share for share in self.numbers if set(corrupt) - {share}}
        """Shares that somebody corrupt holds: share s is held by all members but s."""
        self.weights, self.shares, self.proofs = {}, {}, {}
        self.seen = []

    def share(self, name, vector, weight=1, *, shown=False):
        """A report is made and verified.

        Args:
            name: of the report.
            vector: what is shared.
            weight: in the sum.
            shown: whether everybody sees all of its shares.
        """
        seen = set(self.numbers) if shown else self.known
        rest = min(set(self.numbers) - self.known, default=0)
        left, shares, proofs = self.source.constant(vector), {}, {}
        for number in self.numbers:
            get = self.source.held if number in seen else self.source.hidden
            if number != rest:
                shares[number] = get(len(vector))
                left = self.field.sub(left, shares[number])
            proofs[number] = get(1)
        shares[rest] = left
        self.weights[name], self.shares[name], self.proofs[name] = weight, shares, proofs
        self.seen += [part[number] for number in sorted(seen) for part in (shares, proofs)]
        self.verify(name, KEY)

    def give(self, name, vector):
        """A report all of whose shares the corrupt member has chosen: its own noise."""
        self.weights[name] = 1
        self.shares[name] = {
            number: self.source.constant([(number + entry) % 3 for entry in vector])
            for number in self.numbers
        }

    def verify(self, name, key):
        """Every holder of a share says the same of it, so it is seen once."""
        for number in self.numbers:
            share, total = self.shares[name][number], self.proofs[name][number]
            for column, factor in zip(share.T, key, strict=False):
                total = self.field.add(total, self.field.mul(column[:, None], factor))
            self.seen.append(total)

    def publish(self, names=None):
        """The sum of every share, over some reports."""
        for number in self.numbers:
            parts = (
                self.field.mul(self.shares[name][number], self.weights[name])
                for name in names or self.shares
            )
            self.seen.append(reduce(self.field.add, parts))

    def show(self, name, number):
        """A share becomes known, with its part of the proof."""
        self.seen += [self.shares[name][number], self.proofs[name][number]]

    def view(self):
        """How often each view occurs, in a form in which equal means equal."""
        assert self.source.used_up()
        table = np.concatenate(self.seen, axis=1)
        text = np.ascontiguousarray(table.astype(np.uint8) + np.uint8(1))  # a zero would end it
        return np.sort(text.view(f"S{table.shape[1]}")[:, 0])


def same(views):
    """Whether all views are one; there are at least two."""
    first, second, *others = views
    return all(np.array_equal(first, other) for other in (second, *others))


# Everything enumerated: one entry, one site, three members, 3 elements


@pytest.mark.parametrize("corrupt", range(3))
def test_the_whole_view_is_the_same_for_all_updates(corrupt):
    views = []
    for update in range(3):
        made = Round(Source(FIELD3, hidden=2, held=8), 3, {corrupt})
        made.share("site", [update], 2)
        made.share("kept", left_by(FIELD3, [1], (2, [update])))
        made.publish()
        views.append(made.view())
    assert len(views[0]) == 3**10
    assert same(views)


def test_another_sum_has_another_view():
    """What differs is seen to differ: X is public."""
    views = []
    for total in range(3):
        made = Round(Source(FIELD3, hidden=2, held=8), 3, {1})
        made.share("site", [1], 2)
        made.share("kept", left_by(FIELD3, [total], (2, [1])))
        made.publish()
        views.append(made.view())
    assert disjoint(views[0], views[1])
    assert disjoint(views[1], views[2])


# What the corrupt member does not hold is enumerated: two entries, two sites, 5 elements

OPENED, OTHER = [2, 2], [4, 0]


def reported(members, updates, corrupt, *, opened=True, absent=False, other=OTHER, act=None):
    """A round of two sites and honest noise: one opened candidate, and two that stay hidden.

    Args:
        members: 3 or 4.
        updates: of the sites.
        corrupt: the corrupt members.
        opened: whether the round comes to its openings.
        absent: whether a member did not open its noise, and the others did.
        other: the noise of one honest member; that of the next one is what the total leaves.
        act: what happens after the sums are published, beside what is right.
    """
    unseen = int(len(corrupt) == 1)  # of each report, the share that it lacks
    secret, shown = 4 + (not opened), opened + 2 * absent
    held = (secret + shown) * ((members - 1) * 2 + members) - secret * unseen
    source = Source(FIELD, secret * unseen or 1, held, np.random.default_rng(members))
    if not unseen:
        source.hidden(1)  # two know all there is: one coin is left to enumerate
    made = Round(source, members, corrupt)
    for (name, weight), update in zip(SITES.items(), updates, strict=True):
        made.share(name, update, weight)
    made.share("opened", OPENED, shown=opened)
    made.share("other", other)
    rest = [(1, other)] if opened else [(1, other), (1, OPENED)]
    made.share("kept", left_by(FIELD, TOTAL, *weighed(updates), *rest))
    if absent:
        for candidate in range(2):
            made.share(("absent", candidate), [candidate, 3], shown=True)
    for candidate in range(2):
        made.give(("corrupt", candidate), [candidate, 1])
    made.publish()
    if act is not None:
        act(made)
    return made


ANYBODY = [(members, member) for members in (3, 4) for member in range(members)]


@pytest.mark.parametrize(("members", "corrupt"), ANYBODY)
def test_one_member_learns_the_sum_and_nothing_else(members, corrupt):
    updates = product(VECTORS[::3], VECTORS[::4])
    assert same([reported(members, both, {corrupt}).view() for both in updates])


@pytest.mark.parametrize(("members", "corrupt"), ANYBODY)
def test_nor_does_it_learn_whose_noise_is_in_the_sum(members, corrupt):
    chosen = product(VECTORS[::12], VECTORS[::8], VECTORS[::6])
    views = [reported(members, (x, y), {corrupt}, other=noise).view() for x, y, noise in chosen]
    assert same(views)


@pytest.mark.parametrize("corrupt", range(4))
def test_noise_that_holders_open_for_an_absent_member_says_nothing_of_updates(corrupt):
    chosen = product(VECTORS[::6], VECTORS[::4])
    assert same([reported(4, both, {corrupt}, absent=True).view() for both in chosen])


@pytest.mark.parametrize(("members", "corrupt"), ANYBODY)
def test_a_round_that_stops_before_the_openings_shows_the_sum_with_all_noise(members, corrupt):
    chosen = product(VECTORS[::6], VECTORS[::4])
    assert same([reported(members, both, {corrupt}, opened=False).view() for both in chosen])


@pytest.mark.parametrize("corrupt", range(3))
def test_a_key_that_another_holder_passes_on_is_one_that_the_member_was_to_have(corrupt):
    """An echo gives it a share that it holds anyway."""

    def act(made):
        for number in sorted(set(range(3)) - {corrupt}):
            made.show("site 1", number)

    chosen = product(VECTORS[::6], VECTORS[::4])
    assert same([reported(3, both, {corrupt}, act=act).view() for both in chosen])


# Controls: each of these would tell updates apart, and is seen to


@pytest.mark.parametrize(("members", "pair"), [(3, {1, 2}), (4, {0, 3})])
def test_two_members_together_see_every_update(members, pair):
    controlled(lambda *updates: updates, lambda updates: reported(members, updates, pair))


def test_a_recovery_or_an_echo_with_the_last_share_of_a_site_shows_its_update():
    controlled(
        lambda x, _: x,
        lambda updates: reported(4, updates, {2}, act=lambda made: made.show("site 1", 2)),
    )


def test_a_second_sum_over_another_set_shows_an_update():
    def act(made):
        made.publish([name for name in made.shares if name != "site 1"])

    controlled(lambda x, _: x, lambda updates: reported(3, updates, {1}, act=act))


def test_a_second_verify_key_shows_a_linear_value_of_every_update():
    def act(made):
        for name in made.proofs:
            made.verify(name, SECOND_KEY)

    difference = np.subtract(KEY, SECOND_KEY)
    controlled(
        lambda *updates: inner(difference, *updates),
        lambda updates: reported(3, updates, {2}, act=act),
    )


def test_opening_all_honest_noise_shows_the_sum_without_it():
    """Why a recovery ends where too few members' noise would be left."""

    def act(made):
        for name in ("other", "kept"):
            made.show(name, 1)

    controlled(
        lambda *updates: whole(FIELD, updates),
        lambda updates: reported(4, updates, {1}, act=act),
    )

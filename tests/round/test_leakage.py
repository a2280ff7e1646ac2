"""What a round publishes shows the sum X, the opened noise, and nothing else: by enumeration.

All members but one are corrupt. What they see together: their shares and masks of every report,
everything about their own noise, every A_j and R_j, every tag of every report, and the honest
member's opened candidate with all of its shares and masks. Given X (the weighted updates and the
noise that stays unopened) this has one and the same distribution for all updates.

The sharing is PINE's with its XOF idealised: shares and masks are uniform elements. They are
enumerated: all of them, or those that nobody corrupt knows, for drawn values of the others. Sums of
masks, and tags, are made by the code that runs everywhere. Verifier shares are not here: they say
nothing (``tests/secagg/test_zero_knowledge.py``) and use other randomness than masks, so both
together say nothing either. The control with two verify keys is here.
"""

from dataclasses import dataclass
from functools import cache
from itertools import islice, product

import numpy as np
import pytest
from tests.secagg import test_zero_knowledge as one_proof

from troth.privacy.secagg import tags
from troth.privacy.secagg.circuits import NormEquality
from troth.privacy.secagg.field import Elements
from troth.testing.toy_fields import toy_field, toy_parameters

SITES = {"site 1": 1, "site 2": 2}
"""Two honest sites and their weights. Corrupt ones would only add what is known."""


class Source:
    """Uniform elements, one row of every array per outcome.

    Args:
        field: a toy field.
        hidden: how many that nobody corrupt knows; all their values occur.
        held: how many that the corrupt members see; all their values occur, or a drawn one each.
        rng: draws those; None to enumerate them.
    """

    def __init__(self, field, hidden, held, rng=None):
        every = one_proof.all_vectors(field, hidden if rng else hidden + held)
        drawn = (
            [np.full(len(every), value) for value in rng.integers(0, field.modulus, held)]
            if rng
            else []
        )
        self.field, self.rows = field, len(every)
        self._hidden, self._held = iter(every.T[:hidden]), iter([*every.T[hidden:], *drawn])

    def hidden(self, size):
        return self._next(self._hidden, size)

    def held(self, size):
        return self._next(self._held, size)

    def constant(self, values):
        return np.broadcast_to(self.field.vector(values), (self.rows, len(values)))

    def used_up(self):
        return next(self._hidden, None) is None and next(self._held, None) is None

    def _next(self, elements, size):
        return np.stack(list(islice(elements, size)), axis=1).astype(self.field.dtype)


@dataclass(frozen=True)
class Report:
    """One shared vector: by member a share of shape (rows, d) and a mask of shape (rows, 1)."""

    weight: int
    shares: dict[int, Elements]
    masks: dict[int, Elements]


class Round:
    """One outcome per row: the reports, what members publish of them, what is seen of all this."""

    def __init__(self, source, members, corrupt, rho):
        self.source, self.field = source, source.field
        self.members, self.corrupt = range(members), set(corrupt)
        self.tag = tag_table(self.field, tuple(rho))
        self.reports = {}
        self.seen = []

    def share(self, name, vector, weight=1, *, rest=0, shown=(), like=None):
        """A report is made; its holders see their parts, everybody sees what is shown.

        Args:
            name: of the report.
            vector: what is shared.
            weight: in the sum.
            rest: the member whose share is what the others leave of the vector.
            shown: members whose parts are public.
            like: a report whose masks are used again; None for fresh ones.
        """
        public = self.corrupt | set(shown)
        size = len(vector)
        left, shares, masks = self.source.constant(vector), {}, {}
        for member in self.members:
            get = self.source.held if member in public else self.source.hidden
            if member != rest:
                shares[member] = get(size)
                left = self.field.sub(left, shares[member])
            masks[member] = get(1) if like is None else self.reports[like].masks[member]
        shares[rest] = left
        self.reports[name] = Report(weight, shares, masks)
        self.seen += [part[m] for m in sorted(public) for part in (shares, masks)]

    def publish(self, names=None, *, with_tags=True):
        """Every member's A_j, R_j and tags over some reports; all is as it should be."""
        reports = {name: self.reports[name] for name in names or self.reports}
        weights = {name: report.weight for name, report in reports.items()}
        for member in self.members:
            total = self.field.zeros((self.source.rows, 1))
            for report in reports.values():
                total = self.field.add(total, self.field.mul(report.shares[member], report.weight))
            masks = {name: report.masks[member] for name, report in reports.items()}
            mask = tags.weighted(self.field, masks, weights)
            self.seen += [total, mask]
            if with_tags:
                told = self.tags(member, names)
                assert np.array_equal(
                    tags.weighted(self.field, told, weights), self.tag(total, mask)
                )
                self.seen += told.values()

    def tags(self, member, names=None, tag=None):
        """A member's tags by report, under the round's challenge or another one."""
        tag = tag or self.tag
        reports = ((name, self.reports[name]) for name in names or self.reports)
        return {name: tag(one.shares[member], one.masks[member]) for name, one in reports}

    def view(self):
        """How often each view occurs, in a form in which equal means equal."""
        assert self.source.used_up()
        table = np.concatenate(self.seen, axis=1)
        if self.field.modulus ** table.shape[1] < 2**63:
            return np.sort(one_proof.numbered(self.field, table))
        text = np.ascontiguousarray(table.astype(np.uint8) + np.uint8(1))  # a zero would end it
        return np.sort(text.view(f"S{table.shape[1]}")[:, 0])


@cache
def tag_table(field, rho):
    """The real tag of every share and every mask under a challenge, to be looked up by rows."""
    rho = field.vector(rho).reshape(1, -1)
    elements = [field.vector([r]) for r in range(field.modulus)]
    shares = one_proof.all_vectors(field, rho.shape[1])
    table = field.vector(tags.tag(field, rho, share, r)[0] for share in shares for r in elements)
    table = table.reshape(len(shares), -1)
    return lambda share, mask: table[one_proof.numbered(field, share), mask[:, 0]][:, None]


def left_by(field, total, *parts):
    """The noise that a total leaves when weighted parts are taken off."""
    for weight, vector in parts:
        total = [(t - weight * v) % field.modulus for t, v in zip(total, vector, strict=True)]
    return total


def disjoint(one, other):
    return not np.isin(one, other).any()


def whole(field, updates):
    """Σ w_i·x_i."""
    return tuple(left_by(field, [0] * len(updates[0]), *((-w, x) for w, x in weighed(updates))))


def weighed(updates):
    return zip(SITES.values(), updates, strict=True)


@pytest.fixture(autouse=True)
def _one_coordinate(monkeypatch):
    """κ = 1 in every field of this page."""
    monkeypatch.setattr(tags, "SOUNDNESS_BITS", 1)
    assert tags.coordinates(FIELD3) == 1


def reported(source, members, updates, total, rho, *, opened=True):
    """A round in which member 0 is honest: two sites, two candidates of each member."""
    made = Round(source, members, range(1, members), rho)
    field, size = source.field, len(total)
    for (name, weight), update in zip(SITES.items(), updates, strict=True):
        made.share(name, update, weight)
    noise = [2] * size
    made.share("opened", noise, shown=range(members) if opened else ())
    rest = [] if opened else [(1, noise)]
    made.share("kept", left_by(field, total, *weighed(updates), *rest))
    for member in range(1, members):  # all of it is known to the corrupt members: any will do
        for candidate in range(2):
            fixed = {j: source.constant([(j + candidate) % 3] * size) for j in range(members)}
            masks = {j: source.constant([(j * member + candidate) % 3]) for j in range(members)}
            made.reports["noise", member, candidate] = Report(1, fixed, masks)
    return made


# Everything enumerated: one entry, two members, 3 elements

FIELD3 = toy_field(3)


@pytest.mark.parametrize("rho", [0, 1, 2])
def test_the_whole_view_is_the_same_for_all_updates(rho):
    views = []
    for updates in product(product(range(3)), repeat=2):
        source = Source(FIELD3, hidden=3, held=9)
        made = reported(source, 2, updates, [1], [rho])
        made.publish()
        views.append(made.view())
    assert len(views) == 9
    assert len(views[0]) == 3**12
    assert all(np.array_equal(views[0], view) for view in views[1:])


def test_another_sum_has_another_view():
    """What differs is seen to differ: X is public."""
    views = []
    for total in range(3):
        made = reported(
            Source(FIELD3, 3, 9, np.random.default_rng(1)), 2, ((1,), (0,)), [total], [1]
        )
        made.publish()
        views.append(made.view())
    assert disjoint(views[0], views[1])
    assert disjoint(views[1], views[2])


# What nobody corrupt knows is enumerated: two entries, up to three members, 5 elements

FIELD = toy_field(5)
VECTORS = list(product(range(5), repeat=2))
TOTAL = [3, 1]
RHO = (2, 3)


def source_of(members, *, opened=True):
    """Masks of three reports at the honest member are hidden; of four if none is opened."""
    held = 4 * 3 * (members - 1) + opened
    return Source(FIELD, 3 if opened else 4, held, np.random.default_rng(members))


@pytest.mark.parametrize("rho", [(0, 0), (1, 0), RHO], ids=str)
@pytest.mark.parametrize("members", [2, 3])
def test_given_what_the_corrupt_hold_the_rest_says_nothing(members, rho):
    first = None
    for updates in product(VECTORS, VECTORS):
        made = reported(source_of(members), members, updates, TOTAL, rho)
        made.publish()
        view = made.view()
        first = view if first is None else first
        assert np.array_equal(view, first)


@pytest.mark.parametrize("members", [2, 3])
def test_a_round_that_stops_before_the_openings_shows_the_sum_with_all_noise(members):
    first = None
    for updates in product(VECTORS[::3], VECTORS):
        source = source_of(members, opened=False)
        made = reported(source, members, updates, TOTAL, RHO, opened=False)
        made.publish()
        view = made.view()
        first = view if first is None else first
        assert np.array_equal(view, first)


def test_shares_that_owners_of_noise_show_say_nothing():
    """Members 0 and 1 are honest, 2 denies all; each shows both others' shares of its noise.

    What an owner shows, in an answer or as evidence, is never its own share.
    """
    first = None
    for x, y, other in product(range(3), repeat=3):
        # Hidden, of each site: a share at member 1, masks at 0 and 1. Of each noise: one mask.
        source = Source(FIELD3, hidden=8, held=2 * 2 + 2 * 4, rng=np.random.default_rng(4))
        made = Round(source, 3, {2}, [2])
        for (name, weight), value in zip(SITES.items(), (x, y), strict=True):
            made.share(name, [value], weight)
        kept = left_by(FIELD3, [1], *weighed(((x,), (y,))), (1, (other,)))
        made.share("noise of 0", kept, rest=0, shown={1, 2})
        made.share("noise of 1", [other], rest=1, shown={0, 2})
        made.publish()
        view = made.view()
        first = view if first is None else first
        assert np.array_equal(view, first)


# Controls: each of these would tell updates apart, and is seen to


def controlled(tell, act):
    """Views are equal where a value of the updates is, and have nothing in common where not.

    Args:
        tell: what the corrupt members are to learn, of the updates.
        act: what is seen of a round for updates.
    """
    chosen = list(product(VECTORS[::6], VECTORS[::4]))
    views = {updates: act(updates).view() for updates in chosen}
    known = {updates: tell(*updates) for updates in chosen}
    assert len(set(known.values())) > 1
    for one, other in product(chosen, repeat=2):
        if known[one] == known[other]:
            assert np.array_equal(views[one], views[other])
        else:
            assert disjoint(views[one], views[other])


def inner(rho, *vectors):
    return tuple(sum(a * b for a, b in zip(rho, v, strict=True)) % 5 for v in vectors)


def test_two_challenges_under_one_mask_show_a_linear_value_of_every_update():
    second = (4, 4)

    def act(updates):
        made = reported(source_of(2), 2, updates, TOTAL, RHO)
        made.publish()
        made.seen += made.tags(0, tag=tag_table(FIELD, second)).values()
        return made

    controlled(lambda *updates: inner(np.subtract(RHO, second), *updates), act)


def test_a_mask_that_is_used_for_two_reports_shows_a_linear_value_of_their_difference():
    def act(updates):
        source = Source(FIELD, hidden=2, held=8, rng=np.random.default_rng(5))
        made = Round(source, 2, {1}, RHO)
        made.share("site 1", updates[0], 1)
        made.share("site 2", updates[1], 2, like="site 1")
        made.share("kept", left_by(FIELD, TOTAL, *weighed(updates)))
        made.publish()
        return made

    controlled(lambda x, y: inner(RHO, np.subtract(x, y)), act)


def test_a_second_sum_over_another_set_shows_an_update():
    def act(updates):
        made = reported(source_of(2), 2, updates, TOTAL, RHO)
        made.publish()
        made.publish([name for name in made.reports if name != "site 1"], with_tags=False)
        return made

    controlled(lambda x, _: x, act)


def test_an_owner_that_shows_its_own_share_of_unopened_noise_shows_the_sum_without_it():
    def act(updates):
        made = reported(source_of(2), 2, updates, TOTAL, RHO)
        made.publish()
        made.seen += [made.reports["kept"].shares[0], made.reports["kept"].masks[0]]
        return made

    controlled(lambda *updates: whole(FIELD, updates), act)


def two_queries(flp, entry, points):
    """What a Helper sees of an entry queried at two points, over all randomness and shares."""
    field = flp.circuit.field
    plain = field.vector([entry % 5, entry**2])
    choices = one_proof.all_vectors(field, flp.prove_rand_len + flp.proof_len)
    seeds, own_proof = choices[:, : flp.prove_rand_len], choices[:, flp.prove_rand_len :]
    joint = field.zeros((len(choices), 0))
    proof = field.sub(flp.prove(one_proof.statement(plain), seeds, joint), own_proof)
    seen = []
    for own in one_proof.all_vectors(field, 2):
        rest = one_proof.statement(field.sub(plain, own))
        told = [
            flp.query(rest, proof, np.full(len(choices), point, field.dtype), joint, 2)
            for point in points
        ]
        mine = np.broadcast_to(own, (len(choices), 2))
        seen.append(one_proof.numbered(field, np.hstack([mine, own_proof, *told])))
    return np.sort(np.concatenate(seen))


@pytest.mark.parametrize("points", [(2, 2), (0, 2), (2, 3), (3, 0)])
def test_two_verify_keys_for_one_report_show_the_entry(points):
    """Two points of a wire polynomial that has a seed and a value show the value.

    The same key twice shows nothing.
    """
    parameters = toy_parameters(toy_field(5), dimension=1, l2_norm_bound=1, num_wr_checks=0)
    flp = one_proof.Unguarded(NormEquality(parameters), 5**5)
    assert set(points) <= set(one_proof.points(flp.circuit.field, flp, usable=True))
    views = [two_queries(flp, entry, points) for entry in (-1, 0, 1)]
    for one, other in ((0, 1), (0, 2), (1, 2)):
        if points[0] == points[1]:
            assert np.array_equal(views[one], views[other])
        else:
            assert disjoint(views[one], views[other])

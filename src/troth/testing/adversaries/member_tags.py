"""Members that shift their sum and bend one tag, so that their tags add up: whose tag decides."""

import os
from abc import ABC
from typing import Any

from troth.roles.aggregator import Aggregator
from troth.round.driver import Party
from troth.round.study import Study
from troth.round.transitions import Fault
from troth.round.view import StudyView
from troth.testing.adversaries.attack import (
    Observation,
    Outcome,
    Setting,
    argument,
    contract_rule,
    no_switch,
)
from troth.testing.adversaries.member import HONEST, LIAR, Unrepentant, without_looking
from troth.testing.adversaries.member_sums import SITE, Bending, Shifted
from troth.testing.adversaries.observing import NOWHERE
from troth.testing.adversaries.stage import Stage


class BentTag(Shifted, ABC):
    """A member shifts its sum and bends one tag, so that its tags add up to that of its sum."""

    def place(self, study: Study) -> int:
        """Whose tag."""
        del study
        return SITE

    def liar(self, stage: Stage, study: Study) -> Aggregator:
        """The member."""
        del stage
        role = Bending(study, study.committee[LIAR], os.urandom)
        role.place = self.place(study)
        return role


class BentSiteTag(BentTag):
    """A member shifts its sum and bends the tag of an honest site that is there."""

    name = "site-tag-bent"
    expected = Outcome.DETECTED
    caught = "abort Accused"
    switch = argument("a site that does not look at its own tags")
    unlooking = SITE


class BentColludingTag(BentTag):
    """A member shifts its sum and bends the tag of a site that is in league with it."""

    name = "colluding-site-tag-bent"
    expected = Outcome.LIMIT
    caught = NOWHERE
    switch = no_switch(
        "a limit of mode A: only the owner of a report can tell that its tag is bent"
    )

    def sites(self, stage: Stage, *, defended: bool) -> list[Party[Any]]:
        """The site attests what it knows to be false."""
        sites = super().sites(stage, defended=defended)
        sites[SITE] = without_looking(stage, SITE)
        return sites


class BentSilentTag(BentTag):
    """A member shifts its sum and bends the tag of a site that went away and stays away."""

    name = "silent-site-tag-bent"
    expected = Outcome.LIMIT
    caught = NOWHERE
    switch = no_switch("a limit of mode A where the terms do not ask for every site's word")
    offline = (SITE,)


class BentSilentTagUnderEverySite(BentTag):
    """A member bends the tag of a site that is away, where the terms ask for every site's word."""

    name = "silent-site-tag-bent-under-every-site"
    expected = Outcome.DETECTED
    caught = "abort Silent"
    switch = contract_rule(
        "Ballots.sol, finalise: an accepted site that said nothing ends the round"
    )
    offline = (SITE,)
    setting = Setting(every_site=True)


class BentTagSeenLater(BentTag):
    """A member bends the tag of a site that is away, and the site comes back after the round."""

    name = "absent-site-tag-bent"
    expected = Outcome.DETECTED
    caught = "review"
    switch = argument("a site that does not look back at rounds that it did not confirm")
    unlooking = SITE
    offline = (SITE,)
    returning = True

    def reached(self, stage: Stage, view: StudyView) -> bool:
        """Whether the model is final and the site does not say that it is false."""
        flagged = view.rounds[1].reviews.get(stage.study.sites[SITE]) is False
        return super().reached(stage, view) and not flagged

    def observe(self, stage: Stage, view: StudyView, *, succeeded: bool) -> Observation:
        """The site's word after the round."""
        if view.rounds[1].reviews.get(stage.study.sites[SITE]) is False:
            return Observation(Outcome.DETECTED, "review", (), succeeded)
        return super().observe(stage, view, succeeded=succeeded)


class BentOwnTag(BentTag, ABC):
    """A member shifts its sum and bends the tag of its own noise."""

    def place(self, study: Study) -> int:
        """Its own first candidate."""
        return study.noise_place(LIAR, 0)


class BentOpenedTag(BentOwnTag):
    """A member shifts its sum and bends the tag of a candidate of its own, which is then opened."""

    name = "noise-tag-bent-opened"
    expected = Outcome.ATTRIBUTED
    caught = "abort Fault"
    named = ("aggregator 1",)
    switch = argument("voters that do not recompute the tags of opened noise")
    overlooked = Fault.TAG
    kept = False


class BentKeptTag(BentOwnTag):
    """A member shifts its sum and bends the tag of its own candidate that stays closed."""

    name = "noise-tag-bent-kept"
    expected = Outcome.LIMIT
    caught = NOWHERE
    switch = no_switch("a limit of mode A: with probability 1/M the bent tag is not looked at")
    kept = True


class BentOthersTag(BentTag, ABC):
    """A member shifts its sum and bends the tag of another member's noise."""

    expected = Outcome.ATTRIBUTED
    caught = "abort Fault"
    named = ("aggregator 1",)
    owner = HONEST

    def place(self, study: Study) -> int:
        """The honest member's first candidate."""
        return study.noise_place(HONEST, 0)


class BentOthersOpenedTag(BentOthersTag):
    """A member bends the tag of another member's candidate, which is then opened."""

    name = "others-noise-tag-bent-opened"
    switch = argument("voters that do not recompute the tags of opened noise")
    overlooked = Fault.TAG
    kept = False


class BentOthersKeptTag(BentOthersTag):
    """A member bends the tag of another member's candidate, which stays closed."""

    name = "others-noise-tag-bent-kept"
    switch = argument("a member that does not look at the tags of its own noise")
    careless = Unrepentant
    kept = True

"""Who stands for the sum of a final round: which sites found the tags of their own reports right.

A bent tag can only be seen by the site whose report it is of. So what a sum is worth depends on
what each accepted site said: in the last window with its attestation, or later in a review. In B3
and B4 there are no tags, so a site has nothing to say of them.
"""

from dataclasses import dataclass

from troth.audit.evidence import RoundEvidence


@dataclass(frozen=True)
class Confirmations:
    """The accepted sites of one final round, by what they said of their own tags."""

    round: int
    agreeing: int
    """Voters that attest the final model."""
    voters: int
    """Members of the committee and accepted sites."""
    right: tuple[str, ...]
    """Sites that found their own tags right, in the window or in a review."""
    unchecked: tuple[str, ...]
    """Sites that attested without having checked: their shares were lost."""
    silent: tuple[str, ...]
    """Sites that said nothing."""
    wrong: tuple[str, ...]
    """Sites that say in a review that a tag is not that of their report."""
    dissenting: tuple[str, ...]
    """Voters that attest another model than the one that became final."""


def confirmations(round_: RoundEvidence) -> Confirmations:
    """What the voters of a final round said of it."""
    view, study = round_.view, round_.study
    sites = study.accepted_sites(view.accepted)
    said: dict[str, list[str]] = {"right": [], "unchecked": [], "silent": [], "wrong": []}
    for site in sites:
        if study.replicated:
            word = "silent" if site not in view.tags_right else ""
        elif view.tags_right.get(site) or view.reviews.get(site):
            word = "right"
        elif site in view.reviews:
            word = "wrong"
        else:
            word = "unchecked" if site in view.tags_right else "silent"
        if word:
            said[word].append(str(site))
    attested = view.attestations.items()
    return Confirmations(
        round=view.number,
        agreeing=sum(1 for _, model in attested if model == view.model_digest),
        voters=len(study.committee) + len(sites),
        **{word: tuple(names) for word, names in said.items()},
        dissenting=tuple(str(v) for v, model in attested if model != view.model_digest),
    )

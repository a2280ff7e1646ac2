"""Sums of a member that lies about them, before it binds itself to them."""

from dataclasses import replace

from troth.privacy.secagg.outputs import OutputShare
from troth.round.publication import Sums
from troth.round.study import Study


def shifted_sums(study: Study, sums: Sums, by: int) -> Sums:
    """The same sums with the first coordinate shifted.

    Precondition: ``by`` is an element of the field.
    """
    shift = study.field.zeros(study.site_pine.dimension)
    shift[0] = by
    share = study.site_pine.agg_update(sums.share, OutputShare(study.field, shift))
    return replace(sums, share=share)

"""Sums of a member that lies about them, before it binds itself to them."""

from dataclasses import replace

from troth.privacy.secagg.outputs import OutputShare
from troth.round.publication import Sums
from troth.round.study import Study


def shifted_sums(study: Study, sums: Sums, by: int) -> Sums:
    """The same sums with the first coordinate shifted (mode A).

    Precondition: ``by`` is an element of the field.
    """
    share = study.site_pine.agg_update(sums.share, _shift(study, by))
    return replace(sums, share=share)


def shifted_output(study: Study, output: OutputShare, by: int) -> OutputShare:
    """The same output share with the first coordinate shifted, for a sum that it goes into.

    Precondition: ``by`` is an element of the field.
    """
    return replace(output, values=study.field.add(output.values, _shift(study, by).values))


def _shift(study: Study, by: int) -> OutputShare:
    shift = study.field.zeros(study.site_pine.dimension)
    shift[0] = by
    return OutputShare(study.field, shift)

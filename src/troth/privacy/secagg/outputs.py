"""What aggregators keep of accepted reports: output shares, and their sums.

The same for PINE, where an output is a vector, and for Prio3, where it is what a circuit leaves of
a measurement. Every aggregator's shares are vectors of field elements of one length.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np

from troth.errors import ParameterError
from troth.privacy.secagg import validate
from troth.privacy.secagg.codec import Message, split_views
from troth.privacy.secagg.field import Elements, Field, read_only


@dataclass(frozen=True, eq=False)
class OutputShare(Message):
    """An aggregator's share of one accepted output."""

    field: Field
    values: Elements
    """Shape (output_len,)."""

    def encode(self) -> bytes:
        """The vector."""
        return self.field.encode_vec(self.values)


@dataclass(frozen=True, eq=False)
class AggregateShare(Message):
    """An aggregator's share of a sum of accepted outputs."""

    field: Field
    values: Elements
    """Shape (output_len,)."""

    def encode(self) -> bytes:
        """The vector."""
        return self.field.encode_vec(self.values)


class Outputs:
    """Sizes, decoders, checks and sums of one instance's outputs; a base of every instance.

    Attributes:
        field: The field of all elements.
        shares: Aggregators.
        output_len: Elements of an output.
    """

    def __init__(self, field: Field, shares: int, output_len: int) -> None:
        self.field = field
        self.shares = shares
        self.output_len = output_len

    @property
    def output_share_size(self) -> int:
        """Bytes of an encoded output share, and of an aggregate share."""
        return self.output_len * self.field.encoded_size

    def decode_output_share(self, data: bytes) -> OutputShare:
        """The output share behind its encoding.

        Raises:
            DecodeError: Bytes of another length, or elements not below the modulus.
        """
        return OutputShare(self.field, self._decode("output share", data))

    def decode_aggregate_share(self, data: bytes) -> AggregateShare:
        """The aggregate share behind its encoding.

        Raises:
            DecodeError: Bytes of another length, or elements not below the modulus.
        """
        return AggregateShare(self.field, self._decode("aggregate share", data))

    def agg_init(self) -> AggregateShare:
        """The share of an empty sum."""
        return AggregateShare(self.field, read_only(self.field.zeros(self.output_len)))

    def merge(self, agg_shares: Sequence[AggregateShare]) -> AggregateShare:
        """Add sums over separate reports, all of one aggregator (or all of one set of reports).

        Raises:
            ParameterError: A wrong length.
        """
        self.check_outputs(agg_shares)
        if not agg_shares:
            return self.agg_init()
        return AggregateShare(self.field, reduce(self._add, (share.values for share in agg_shares)))

    def check_agg_id(self, agg_id: int) -> None:
        """Refuse an aggregator index outside 0 … shares − 1 with ParameterError."""
        validate.integer("agg_id", agg_id, 0, self.shares - 1)

    def check_outputs(self, shares: Sequence[OutputShare | AggregateShare]) -> None:
        """Refuse output or aggregate shares of another length with ParameterError."""
        for share in shares:
            self.check_elements("output or aggregate share", share.values, self.output_len)

    def check_elements(self, name: str, values: Elements, length: int) -> None:
        """Refuse what is no vector of so many field elements: kernels trust their arguments."""
        if type(values) is not np.ndarray or values.dtype != self.field.dtype or values.ndim != 1:
            raise ParameterError(f"{name}: no vector of {self.field.name}")
        validate.size(name, values, length)
        if not self.field.contains(values):
            raise ParameterError(f"{name}: an entry lies outside {self.field.name}")

    def _add(self, left: Elements, right: Elements) -> Elements:
        return read_only(self.field.add(left, right))

    def _decode(self, what: str, data: bytes) -> Elements:
        return self.field.decode_vec(*split_views(what, data, [self.output_share_size]))

"""Hypothesis strategies for values of ABI types."""

from hypothesis import strategies as st

from troth.ledger import abi
from troth.ledger.address import Address


def values(kind):
    """Values of one ABI type."""
    match kind:
        case abi.Uint(bits):
            return st.integers(0, 2**bits - 1)
        case abi.Int(bits):
            return st.integers(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
        case abi.Bool():
            return st.booleans()
        case abi.AddressType():
            return st.binary(min_size=20, max_size=20).map(Address)
        case abi.FixedBytes(length):
            return st.binary(min_size=length, max_size=length)
        case abi.DynamicBytes():
            return st.binary(max_size=70)
        case abi.Text():
            return st.text(max_size=20)
        case abi.Array(item, count):
            sizes = {"max_size": 3} if count is None else {"min_size": count, "max_size": count}
            return st.lists(values(item), **sizes).map(tuple)
        case abi.Struct(cls, members):
            return st.tuples(*map(values, members)).map(lambda parts: cls(*parts))
    raise AssertionError(kind)


def arguments(params):
    """Values for a list of parameters."""
    return st.tuples(*(values(param.type) for param in params))

"""The ledger: one small interface, typed bindings of the contracts, and the engines.

Importing this package imports no engine and none of the heavy libraries; see the room's README.
"""

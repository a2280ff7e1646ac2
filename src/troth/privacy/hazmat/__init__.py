"""Compiled kernels: exact and fast, with none of the checks that their callers make."""

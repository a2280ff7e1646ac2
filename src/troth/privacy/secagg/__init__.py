"""PINE: secure sums of vectors with proven L2 norms; start at :mod:`troth.privacy.secagg.pine`."""

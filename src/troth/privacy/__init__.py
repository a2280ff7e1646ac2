"""Privacy: what may leave a site, and how it is summed without being seen."""

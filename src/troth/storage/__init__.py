"""The storage room: seal a share to its holders, name bytes by digest, keep and fetch them."""

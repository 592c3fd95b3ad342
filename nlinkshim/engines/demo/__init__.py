"""demo: the problem and the cure on a FUSE mount made for it."""

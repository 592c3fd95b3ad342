"""demo: the problem and the cure on a FUSE mount made for it."""

from nlinkshim.demonstration.story import demo

__all__ = ["demo"]

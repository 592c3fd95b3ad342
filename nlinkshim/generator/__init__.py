"""Write a Samba container that uses the shim, and compose or Kubernetes around it."""

from nlinkshim.generator.run import generate
from nlinkshim.generator.settings import Settings

__all__ = ["Settings", "generate"]

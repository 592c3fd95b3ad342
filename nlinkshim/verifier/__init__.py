"""verify: is the shim needed on this mount, and does it do what it should and nothing else?"""

from nlinkshim.verifier.run import Options, verify
from nlinkshim.verifier.verdict import MountResult, Sample, Verdict

__all__ = ["MountResult", "Options", "Sample", "Verdict", "verify"]

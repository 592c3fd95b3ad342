"""doctor: the host or container around the mount, and the command that mends each finding.

Nothing is imported here: child processes without site packages start from this package too.
"""

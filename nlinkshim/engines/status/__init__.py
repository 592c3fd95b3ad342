"""status: which live processes have the shim, and does it work there?

Nothing is imported here: child processes without site packages start from this package too.
"""

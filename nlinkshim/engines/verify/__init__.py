"""verify: is the shim needed on this mount, and does it do what it should and nothing else?

Nothing is imported here: the worker starts from this package too, and each millisecond of its start is one of
the walk.
"""

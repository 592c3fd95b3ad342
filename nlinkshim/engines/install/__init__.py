"""install: a copy of the shim for an image or a service, made sure of."""

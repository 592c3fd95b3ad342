"""What the tests stand on: real mounts, the probe, the preload, a private smbd. One concept a module."""

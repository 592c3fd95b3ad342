"""Mounts: as the kernel lists them, how a path on one answers, and what to do about one that ails."""

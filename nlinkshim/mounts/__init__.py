"""Mounts: as the kernel lists them, and what to do about one that ails."""

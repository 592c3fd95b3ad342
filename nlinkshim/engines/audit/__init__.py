"""audit: whether a preload would reach a program's stat calls, read from ELF files without running any."""

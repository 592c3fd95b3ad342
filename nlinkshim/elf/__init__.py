"""ELF, in files and in memory (elf(5)). Nothing that is read is believed."""

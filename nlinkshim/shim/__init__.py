"""What Python knows of the shared object: its file, its way into a process, what it tells of itself."""

"""watch: how long a mount is gone, seen from its consumers' side."""

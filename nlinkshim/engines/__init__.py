"""What the commands do: a package each, and in it a module of the same name with the function."""

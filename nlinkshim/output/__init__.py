"""What commands print: text for people, JSON for programs (schemas beside this file)."""

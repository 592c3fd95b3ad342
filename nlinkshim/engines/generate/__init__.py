"""generate: a Samba container that uses the shim, and compose or Kubernetes around it."""

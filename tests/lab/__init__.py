"""A small cluster on one machine, looked at from where it matters: the consumer's side.

    consumer-1, consumer-2         User-mode Linux with the kernel's CIFS client: the generated mounter and
        |            |             options, a service address by DNAT, and a witness that looks every second
        +-- switch --+             a network namespace with a bridge
        |            |
     server-1     server-2         namespaces: the FUSE server, and the generated container without an image

Everything belongs to processes of the tests: namespaces, mounts and guests are gone when those are, however
they end. `make lab` runs the drills and prints what the consumers saw; SAMBA=trixie takes another Samba.
"""

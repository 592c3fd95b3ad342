/* What differs from one architecture to the next stands in machines/, one file each: system call numbers and how to
 * make one, flags, where the fields of libc's structures lie, and the name of the vDSO's clock. layout_check.c holds
 * each of these against the target's own headers at build time. */
#ifndef NLINKSHIM_MACHINE_H
#define NLINKSHIM_MACHINE_H

#include <stdint.h>

/* The same on all of them. */
enum { K_PROT_READ = 1, K_PROT_WRITE = 2, K_MAP_SHARED = 1, K_MAP_ANONYMOUS = 0x20 };

/* Each file defines:
 *   NR_*            system calls; those of the stat family that fill the kernel's 64-bit structure
 *   K_O_NOFOLLOW    of the flags of open, the one that is not the same on every machine. (With another's, a proof
 *                   would follow links.)
 *   STAT_*          struct stat as the kernel fills it, and stat_nlink_t, the type of its link count. Where libc hands
 *                   out others too (32-bit), device, count and mode lie in the same places, and the inode does not.
 *   XSTAT_VERSION   the version that asks __xstat and its like for struct stat; any other is another structure
 *   FTS_*, FTSENT*  glibc's FTS and FTSENT; FTSENT64_* those of fts64_*
 *   VDSO_CLOCK
 *   kernel_call     a system call; five arguments serve every one that the shim makes. Returns the kernel's answer:
 *                   -errno on failure.
 *   kernel_map_shared  mmap, the only call of six: `size` bytes, zeroed, that this process and those it forks share.
 *                   Returns the address, or -errno. NR_MMAP is mmap2 where there is no mmap */
#if defined(__x86_64__) && defined(__LP64__)
#include "machines/x86_64.h"
#elif defined(__aarch64__) && defined(__LP64__) && !defined(__AARCH64EB__)
#include "machines/aarch64.h"
#elif defined(__riscv) && __riscv_xlen == 64
#include "machines/riscv64.h"
#elif defined(__powerpc64__) && defined(__LITTLE_ENDIAN__)
#include "machines/ppc64le.h"
#elif defined(__s390x__)
#include "machines/s390x.h"
#elif defined(__arm__) && defined(__ARM_EABI__) && !defined(__ARMEB__)
#include "machines/armv7l.h"
#elif defined(__i386__)
#include "machines/i686.h"
#else
#error "nlinkshim knows no layout for this machine: add a file to machines/"
#endif

/* glibc's fts.h */
enum { GLIBC_FTS_NOSTAT = 8, GLIBC_FTS_NS = 10, GLIBC_FTS_NSOK = 11 };

/* Whether libc hands out structures that the kernel does not fill: then `stat` is not `stat64`. */
enum { STAT_HAS_OTHERS = sizeof(void *) == 4 };

/* st_dev from the kernel's major (12 bits) and minor (20): the encoding of glibc and musl (makedev(3)) */
static inline uint64_t device_number(uint32_t major, uint32_t minor)
{
    return (uint64_t)(minor >> 8) << 20 | (uint64_t)major << 8 | (minor & 0xff);
}

/* struct statx is the same on every machine. */
enum {
    STATX_STRUCT_SIZE = 256,
    STATX_AT_MASK = 0,
    STATX_AT_ATTRIBUTES = 8,
    STATX_AT_NLINK = 16,
    STATX_AT_MODE = 28,
    STATX_AT_INO = 32,
    STATX_AT_ATTRIBUTES_MASK = 56,
    STATX_AT_DEV_MAJOR = 136,
    STATX_AT_DEV_MINOR = 140,
    STATX_AT_MNT_ID = 144,
};

typedef uint16_t __attribute__((may_alias)) field16;
typedef uint32_t __attribute__((may_alias)) field32;
typedef uint64_t __attribute__((may_alias)) field64;
typedef uintptr_t __attribute__((may_alias)) field_word;

/* The field of `type` that lies `offset` bytes into a structure of the caller's. */
#define FIELD(structure, offset, type) (*(type *)((char *)(structure) + (offset)))

#endif

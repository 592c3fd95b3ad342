/* What differs from one architecture to the next: system call numbers and how to make one, where the
 * fields of libc's structures lie, and the name of the vDSO's clock. A new machine is one more block here;
 * layout_check.c holds it against the target's own headers at build time. */
#ifndef NLINKSHIM_MACHINE_H
#define NLINKSHIM_MACHINE_H

#include <stdint.h>

enum { K_PROT_READ = 1, K_PROT_WRITE = 2, K_MAP_SHARED = 1, K_MAP_ANONYMOUS = 0x20 };

#if defined(__x86_64__) && defined(__LP64__)

enum {
    NR_READ = 0,
    NR_WRITE = 1,
    NR_CLOSE = 3,
    NR_FSTAT = 5,
    NR_MMAP = 9,
    NR_RT_SIGPROCMASK = 14,
    NR_FCNTL = 72,
    NR_RT_SIGPENDING = 127,
    NR_RT_SIGTIMEDWAIT = 128,
    NR_OPENAT = 257,
    NR_NEWFSTATAT = 262,
    NR_READLINKAT = 267,
    NR_PPOLL = 271,
    NR_PRLIMIT64 = 302,
    NR_STATX = 332,
    NR_OPENAT2 = 437,
    NR_STATMOUNT = 457,
    NR_LISTMOUNT = 458,
};

/* Of the flags of open, those that are not the same on every machine. (With another's, a proof would follow links.) */
enum { K_O_NOFOLLOW = 0400000 };

/* struct stat, the kernel's and libc's alike */
enum { STAT_DEV = 0, STAT_INO = 8, STAT_NLINK = 16, STAT_MODE = 24, STAT_STRUCT_SIZE = 144 };
typedef uint64_t __attribute__((may_alias)) stat_nlink_t;

/* glibc's FTS and FTSENT */
enum { FTS_OPTIONS = 64, GLIBC_FTS_NOSTAT = 8, GLIBC_FTS_NS = 10, GLIBC_FTS_NSOK = 11 };
enum { FTSENT_LINK = 16, FTSENT_ACCPATH = 40, FTSENT_INFO = 98, FTSENT_STATP = 104, FTSENT_NAME = 112 };

#define VDSO_CLOCK "__vdso_clock_gettime"

/* Five arguments serve every call the shim makes. Returns the kernel's answer: -errno on failure. */
static inline long kernel_call(long number, long a, long b, long c, long d, long e)
{
    long result;
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = e;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "0"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8)
                     : "rcx", "r11", "memory");
    return result;
}

/* The only call of six arguments: `size` bytes, zeroed, that this process and those it forks share. */
static inline long kernel_map_shared(unsigned long size)
{
    long result;
    register long flags __asm__("r10") = K_MAP_SHARED | K_MAP_ANONYMOUS;
    register long fd __asm__("r8") = -1;
    register long offset __asm__("r9") = 0;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "0"((long)NR_MMAP), "D"(0L), "S"(size), "d"((long)(K_PROT_READ | K_PROT_WRITE)), "r"(flags),
                       "r"(fd), "r"(offset)
                     : "rcx", "r11", "memory");
    return result;
}

#else
#error "nlinkshim knows no layout for this machine: add a block to machine.h"
#endif

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

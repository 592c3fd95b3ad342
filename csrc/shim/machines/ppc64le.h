/* 64-bit POWER, little-endian (ELFv2) */

enum {
    NR_READ = 3,
    NR_WRITE = 4,
    NR_CLOSE = 6,
    NR_FCNTL = 55,
    NR_MMAP = 90,
    NR_FSTAT = 108,
    NR_RT_SIGPROCMASK = 174,
    NR_RT_SIGPENDING = 175,
    NR_RT_SIGTIMEDWAIT = 176,
    NR_PPOLL = 281,
    NR_OPENAT = 286,
    NR_NEWFSTATAT = 291,
    NR_READLINKAT = 296,
    NR_PRLIMIT64 = 325,
    NR_STATX = 383,
    NR_OPENAT2 = 437,
    NR_STATMOUNT = 457,
    NR_LISTMOUNT = 458,
};

enum { K_O_NOFOLLOW = 0100000 };

enum { STAT_DEV = 0, STAT_INO = 8, STAT_NLINK = 16, STAT_MODE = 24, STAT_STRUCT_SIZE = 144 };
typedef uint64_t __attribute__((may_alias)) stat_nlink_t;

enum { XSTAT_VERSION = 1 };

enum { FTS_OPTIONS = 64, FTSENT_LINK = 16, FTSENT_ACCPATH = 40 };
enum { FTSENT_INFO = 98, FTSENT_STATP = 104, FTSENT_NAME = 112 };
enum { FTSENT64_INFO = 98, FTSENT64_STATP = 104, FTSENT64_NAME = 112 };

#define VDSO_CLOCK "__kernel_clock_gettime"

static inline long kernel_call(long number, long a, long b, long c, long d, long e)
{
    register long r0 __asm__("r0") = number;
    register long r3 __asm__("r3") = a;
    register long r4 __asm__("r4") = b;
    register long r5 __asm__("r5") = c;
    register long r6 __asm__("r6") = d;
    register long r7 __asm__("r7") = e;
    /* On failure the summary overflow bit is set, and errno is positive. */
    __asm__ volatile("sc; bns+ 1f; neg %1, %1; 1:"
                     : "+r"(r0), "+r"(r3), "+r"(r4), "+r"(r5), "+r"(r6), "+r"(r7)
                     :
                     : "memory", "cr0", "ctr", "xer", "r8", "r9", "r10", "r11", "r12");
    return r3;
}

static inline long kernel_map_shared(unsigned long size)
{
    register long r0 __asm__("r0") = NR_MMAP;
    register long r3 __asm__("r3") = 0;
    register long r4 __asm__("r4") = (long)size;
    register long r5 __asm__("r5") = K_PROT_READ | K_PROT_WRITE;
    register long r6 __asm__("r6") = K_MAP_SHARED | K_MAP_ANONYMOUS;
    register long r7 __asm__("r7") = -1;
    register long r8 __asm__("r8") = 0;
    __asm__ volatile("sc; bns+ 1f; neg %1, %1; 1:"
                     : "+r"(r0), "+r"(r3), "+r"(r4), "+r"(r5), "+r"(r6), "+r"(r7), "+r"(r8)
                     :
                     : "memory", "cr0", "ctr", "xer", "r9", "r10", "r11", "r12");
    return r3;
}

/* 32-bit Arm, hard-float */

/* NR_FSTAT, NR_NEWFSTATAT, NR_FCNTL: those whose names end in 64; the others are of the old structures. */
enum {
    NR_READ = 3,
    NR_WRITE = 4,
    NR_CLOSE = 6,
    NR_RT_SIGPROCMASK = 175,
    NR_RT_SIGPENDING = 176,
    NR_RT_SIGTIMEDWAIT = 177,
    NR_MMAP = 192,
    NR_FSTAT = 197,
    NR_FCNTL = 221,
    NR_OPENAT = 322,
    NR_NEWFSTATAT = 327,
    NR_READLINKAT = 332,
    NR_PPOLL = 336,
    NR_PRLIMIT64 = 369,
    NR_STATX = 397,
    NR_OPENAT2 = 437,
    NR_STATMOUNT = 457,
    NR_LISTMOUNT = 458,
};

enum { K_O_NOFOLLOW = 0100000 };

/* Where the kernel's (stat64) has its inode: other structures have it elsewhere, and the rest in the same place. */
enum { STAT_DEV = 0, STAT_INO = 96, STAT_NLINK = 20, STAT_MODE = 16, STAT_STRUCT_SIZE = 104 };
typedef uint32_t __attribute__((may_alias)) stat_nlink_t;

enum { XSTAT_VERSION = 3 };

enum { FTS_OPTIONS = 44, FTSENT_LINK = 8, FTSENT_ACCPATH = 20 };
enum { FTSENT_INFO = 62, FTSENT_STATP = 68, FTSENT_NAME = 72 };
enum { FTSENT64_INFO = 62, FTSENT64_STATP = 68, FTSENT64_NAME = 72 };

#define VDSO_CLOCK "__vdso_clock_gettime"

static inline long kernel_call(long number, long a, long b, long c, long d, long e)
{
    register long r7 __asm__("r7") = number;
    register long r0 __asm__("r0") = a;
    register long r1 __asm__("r1") = b;
    register long r2 __asm__("r2") = c;
    register long r3 __asm__("r3") = d;
    register long r4 __asm__("r4") = e;
    __asm__ volatile("svc 0" : "+r"(r0) : "r"(r7), "r"(r1), "r"(r2), "r"(r3), "r"(r4) : "memory");
    return r0;
}

static inline long kernel_map_shared(unsigned long size)
{
    register long r7 __asm__("r7") = NR_MMAP;
    register long r0 __asm__("r0") = 0;
    register long r1 __asm__("r1") = (long)size;
    register long r2 __asm__("r2") = K_PROT_READ | K_PROT_WRITE;
    register long r3 __asm__("r3") = K_MAP_SHARED | K_MAP_ANONYMOUS;
    register long r4 __asm__("r4") = -1;
    register long r5 __asm__("r5") = 0;
    __asm__ volatile("svc 0" : "+r"(r0) : "r"(r7), "r"(r1), "r"(r2), "r"(r3), "r"(r4), "r"(r5) : "memory");
    return r0;
}

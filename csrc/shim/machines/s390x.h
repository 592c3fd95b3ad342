/* IBM Z, big-endian */

enum {
    NR_READ = 3,
    NR_WRITE = 4,
    NR_CLOSE = 6,
    NR_FCNTL = 55,
    NR_MMAP = 90,
    NR_FSTAT = 108,
    NR_RT_SIGPROCMASK = 175,
    NR_RT_SIGPENDING = 176,
    NR_RT_SIGTIMEDWAIT = 177,
    NR_OPENAT = 288,
    NR_NEWFSTATAT = 293,
    NR_READLINKAT = 298,
    NR_PPOLL = 302,
    NR_PRLIMIT64 = 334,
    NR_STATX = 379,
    NR_OPENAT2 = 437,
    NR_STATMOUNT = 457,
    NR_LISTMOUNT = 458,
};

enum { K_O_NOFOLLOW = 0400000 };

enum { STAT_DEV = 0, STAT_INO = 8, STAT_NLINK = 16, STAT_MODE = 24, STAT_STRUCT_SIZE = 144 };
typedef uint64_t __attribute__((may_alias)) stat_nlink_t;

enum { XSTAT_VERSION = 1 };

enum { FTS_OPTIONS = 64, FTSENT_LINK = 16, FTSENT_ACCPATH = 40 };
enum { FTSENT_INFO = 98, FTSENT_STATP = 104, FTSENT_NAME = 112 };
enum { FTSENT64_INFO = 98, FTSENT64_STATP = 104, FTSENT64_NAME = 112 };

#define VDSO_CLOCK "__kernel_clock_gettime"

static inline long kernel_call(long number, long a, long b, long c, long d, long e)
{
    register long r1 __asm__("r1") = number;
    register long r2 __asm__("r2") = a;
    register long r3 __asm__("r3") = b;
    register long r4 __asm__("r4") = c;
    register long r5 __asm__("r5") = d;
    register long r6 __asm__("r6") = e;
    __asm__ volatile("svc 0" : "+d"(r2) : "d"(r1), "d"(r3), "d"(r4), "d"(r5), "d"(r6) : "memory");
    return r2;
}

/* Its arguments stand in memory here. */
static inline long kernel_map_shared(unsigned long size)
{
    const long arguments[6] = {0, (long)size, K_PROT_READ | K_PROT_WRITE, K_MAP_SHARED | K_MAP_ANONYMOUS, -1, 0};
    return kernel_call(NR_MMAP, (long)arguments, 0, 0, 0, 0);
}

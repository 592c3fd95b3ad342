/* 32-bit x86 */

/* NR_FSTAT, NR_NEWFSTATAT, NR_FCNTL: those whose names end in 64; the others are of the old structures. */
enum {
    NR_READ = 3,
    NR_WRITE = 4,
    NR_CLOSE = 6,
    NR_MMAP = 90,
    NR_RT_SIGPROCMASK = 175,
    NR_RT_SIGPENDING = 176,
    NR_RT_SIGTIMEDWAIT = 177,
    NR_FSTAT = 197,
    NR_FCNTL = 221,
    NR_OPENAT = 295,
    NR_NEWFSTATAT = 300,
    NR_READLINKAT = 305,
    NR_PPOLL = 309,
    NR_PRLIMIT64 = 340,
    NR_STATX = 383,
    NR_OPENAT2 = 437,
    NR_STATMOUNT = 457,
    NR_LISTMOUNT = 458,
};

enum { K_O_NOFOLLOW = 0400000 };

/* Where the kernel's (stat64) has its inode: other structures have it elsewhere, and the rest in the same place. */
enum { STAT_DEV = 0, STAT_INO = 88, STAT_NLINK = 20, STAT_MODE = 16, STAT_STRUCT_SIZE = 96 };
typedef uint32_t __attribute__((may_alias)) stat_nlink_t;

enum { XSTAT_VERSION = 3 };

enum { FTS_OPTIONS = 40, FTSENT_LINK = 8, FTSENT_ACCPATH = 20 };
enum { FTSENT_INFO = 58, FTSENT_STATP = 64, FTSENT_NAME = 68 };
enum { FTSENT64_INFO = 62, FTSENT64_STATP = 68, FTSENT64_NAME = 72 };

#define VDSO_CLOCK "__vdso_clock_gettime"

static inline long kernel_call(long number, long a, long b, long c, long d, long e)
{
    long result;
    __asm__ volatile("int $0x80" : "=a"(result) : "0"(number), "b"(a), "c"(b), "d"(c), "S"(d), "D"(e) : "memory");
    return result;
}

/* Its arguments stand in memory here. */
static inline long kernel_map_shared(unsigned long size)
{
    const long arguments[6] = {0, (long)size, K_PROT_READ | K_PROT_WRITE, K_MAP_SHARED | K_MAP_ANONYMOUS, -1, 0};
    return kernel_call(NR_MMAP, (long)arguments, 0, 0, 0, 0);
}

/* 64-bit Arm */

enum {
    NR_FCNTL = 25,
    NR_OPENAT = 56,
    NR_CLOSE = 57,
    NR_READ = 63,
    NR_WRITE = 64,
    NR_PPOLL = 73,
    NR_READLINKAT = 78,
    NR_NEWFSTATAT = 79,
    NR_FSTAT = 80,
    NR_RT_SIGPROCMASK = 135,
    NR_RT_SIGPENDING = 136,
    NR_RT_SIGTIMEDWAIT = 137,
    NR_MMAP = 222,
    NR_PRLIMIT64 = 261,
    NR_STATX = 291,
    NR_OPENAT2 = 437,
    NR_STATMOUNT = 457,
    NR_LISTMOUNT = 458,
};

enum { K_O_NOFOLLOW = 0100000 };

enum { STAT_DEV = 0, STAT_INO = 8, STAT_NLINK = 20, STAT_MODE = 16, STAT_STRUCT_SIZE = 128 };
typedef uint32_t __attribute__((may_alias)) stat_nlink_t;

enum { XSTAT_VERSION = 0 };

enum { FTS_OPTIONS = 64, FTSENT_LINK = 16, FTSENT_ACCPATH = 40 };
enum { FTSENT_INFO = 94, FTSENT_STATP = 104, FTSENT_NAME = 112 };
enum { FTSENT64_INFO = 94, FTSENT64_STATP = 104, FTSENT64_NAME = 112 };

#define VDSO_CLOCK "__kernel_clock_gettime"

static inline long kernel_call(long number, long a, long b, long c, long d, long e)
{
    register long x8 __asm__("x8") = number;
    register long x0 __asm__("x0") = a;
    register long x1 __asm__("x1") = b;
    register long x2 __asm__("x2") = c;
    register long x3 __asm__("x3") = d;
    register long x4 __asm__("x4") = e;
    __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4) : "memory");
    return x0;
}

static inline long kernel_map_shared(unsigned long size)
{
    register long x8 __asm__("x8") = NR_MMAP;
    register long x0 __asm__("x0") = 0;
    register long x1 __asm__("x1") = (long)size;
    register long x2 __asm__("x2") = K_PROT_READ | K_PROT_WRITE;
    register long x3 __asm__("x3") = K_MAP_SHARED | K_MAP_ANONYMOUS;
    register long x4 __asm__("x4") = -1;
    register long x5 __asm__("x5") = 0;
    __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory");
    return x0;
}

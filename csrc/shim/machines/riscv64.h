/* 64-bit RISC-V */

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

enum { K_O_NOFOLLOW = 0400000 };

enum { STAT_DEV = 0, STAT_INO = 8, STAT_NLINK = 20, STAT_MODE = 16, STAT_STRUCT_SIZE = 128 };
typedef uint32_t __attribute__((may_alias)) stat_nlink_t;

enum { XSTAT_VERSION = 0 };

enum { FTS_OPTIONS = 64, FTSENT_LINK = 16, FTSENT_ACCPATH = 40 };
enum { FTSENT_INFO = 94, FTSENT_STATP = 104, FTSENT_NAME = 112 };
enum { FTSENT64_INFO = 94, FTSENT64_STATP = 104, FTSENT64_NAME = 112 };

#define VDSO_CLOCK "__vdso_clock_gettime"

static inline long kernel_call(long number, long a, long b, long c, long d, long e)
{
    register long a7 __asm__("a7") = number;
    register long a0 __asm__("a0") = a;
    register long a1 __asm__("a1") = b;
    register long a2 __asm__("a2") = c;
    register long a3 __asm__("a3") = d;
    register long a4 __asm__("a4") = e;
    __asm__ volatile("ecall" : "+r"(a0) : "r"(a7), "r"(a1), "r"(a2), "r"(a3), "r"(a4) : "memory");
    return a0;
}

static inline long kernel_map_shared(unsigned long size)
{
    register long a7 __asm__("a7") = NR_MMAP;
    register long a0 __asm__("a0") = 0;
    register long a1 __asm__("a1") = (long)size;
    register long a2 __asm__("a2") = K_PROT_READ | K_PROT_WRITE;
    register long a3 __asm__("a3") = K_MAP_SHARED | K_MAP_ANONYMOUS;
    register long a4 __asm__("a4") = -1;
    register long a5 __asm__("a5") = 0;
    __asm__ volatile("ecall" : "+r"(a0) : "r"(a7), "r"(a1), "r"(a2), "r"(a3), "r"(a4), "r"(a5) : "memory");
    return a0;
}

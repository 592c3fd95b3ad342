/* x86-64 */

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

enum { K_O_NOFOLLOW = 0400000 };

enum { STAT_DEV = 0, STAT_INO = 8, STAT_NLINK = 16, STAT_MODE = 24, STAT_STRUCT_SIZE = 144 };
typedef uint64_t __attribute__((may_alias)) stat_nlink_t;

enum { XSTAT_VERSION = 1 };

enum { FTS_OPTIONS = 64, FTSENT_LINK = 16, FTSENT_ACCPATH = 40 };
enum { FTSENT_INFO = 98, FTSENT_STATP = 104, FTSENT_NAME = 112 };
enum { FTSENT64_INFO = 98, FTSENT64_STATP = 104, FTSENT64_NAME = 112 };

#define VDSO_CLOCK "__vdso_clock_gettime"

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

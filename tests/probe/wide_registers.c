/* A preload for User-mode Linux on processors with more register state (AMX) than the 2,696 bytes it has room for:
 * the kernel takes a state only whole (PTRACE_SETREGSET fails with EFAULT). What UML knows is laid over the rest. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum { NT_X86_XSTATE = 0x202 };

static int peeks(enum __ptrace_request request)
{
    return request == PTRACE_PEEKTEXT || request == PTRACE_PEEKDATA || request == PTRACE_PEEKUSER;
}

long ptrace(enum __ptrace_request request, ...)
{
    static char whole[1 << 16];
    va_list arguments;
    va_start(arguments, request);
    pid_t pid = va_arg(arguments, pid_t);
    void *address = va_arg(arguments, void *), *data = va_arg(arguments, void *);
    va_end(arguments);
    long peeked = 0;
    long result = syscall(SYS_ptrace, request, pid, address, peeks(request) ? &peeked : data);
    if (peeks(request))
        return result < 0 ? result : (errno = 0, peeked);
    if (result < 0 && errno == EFAULT && request == PTRACE_SETREGSET && (long)address == NT_X86_XSTATE) {
        const struct iovec *given = data;
        struct iovec all = {whole, sizeof whole};
        if (syscall(SYS_ptrace, PTRACE_GETREGSET, pid, address, &all) != 0 || all.iov_len <= given->iov_len)
            return -1;
        memcpy(whole, given->iov_base, given->iov_len);
        result = syscall(SYS_ptrace, PTRACE_SETREGSET, pid, address, &all);
    }
    return result;
}

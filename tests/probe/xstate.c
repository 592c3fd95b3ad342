/*
 * A preload for User-mode Linux before 6.13, which sets the extended state of its processes by a buffer of a fixed
 * size. The host's kernel wants all of that state or nothing, and has more of it on processors with AMX: then no
 * process starts ("ptrace set fp regs failed, errno = 14"). What the caller leaves out is taken as it is.
 */
#define _GNU_SOURCE
#include <elf.h>
#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static long set_extended(long pid, const struct iovec *given)
{
    static char state[1 << 16];
    struct iovec whole = {state, sizeof(state)};
    if (syscall(SYS_ptrace, PTRACE_GETREGSET, pid, NT_X86_XSTATE, &whole) != 0)
        return -1;
    if (given->iov_len > whole.iov_len) {
        errno = EINVAL;
        return -1;
    }
    memcpy(state, given->iov_base, given->iov_len);
    return syscall(SYS_ptrace, PTRACE_SETREGSET, pid, NT_X86_XSTATE, &whole);
}

long ptrace(enum __ptrace_request request, ...)
{
    va_list arguments;
    va_start(arguments, request);
    long pid = va_arg(arguments, int);
    void *address = va_arg(arguments, void *);
    void *data = va_arg(arguments, void *);
    va_end(arguments);

    if (request == PTRACE_SETREGSET && (long)address == NT_X86_XSTATE)
        return set_extended(pid, data);
    if (request != PTRACE_PEEKTEXT && request != PTRACE_PEEKDATA && request != PTRACE_PEEKUSER)
        return syscall(SYS_ptrace, request, pid, address, data);
    /* libc returns the word that the system call stores */
    long word;
    long result = syscall(SYS_ptrace, request, pid, address, &word);
    if (result != 0)
        return result;
    errno = 0;
    return word;
}

#include "config.h"

#include "kernel.h"
#include "text.h"

extern char **environ __attribute__((weak, visibility("default")));

struct scope scope;

enum { NOT_READ = 0, READ = 1, BEING_READ = 2 };

const char *scope_parse(struct scope *out, const char *text)
{
    out->kind = SCOPE_FUSE;
    out->count = 0;
    if (text_equals(text, "fuse"))
        return 0;
    if (text_equals(text, "off")) {
        out->kind = SCOPE_OFF;
        return 0;
    }
    uint32_t count = 0;
    for (uint32_t start = 0, end = 0;; start = ++end) {
        if (text[start] != '/')
            return "is neither 'fuse' nor 'off' nor absolute paths joined by ':'";
        while (text[end] && text[end] != ':')
            if (++end >= SCOPE_TEXT_SIZE)
                return "is too long (4095 bytes at most)";
        if (count == SCOPE_MAX_PATHS)
            return "names too many paths (16 at most)";
        uint32_t length = end - start;
        while (length > 1 && text[start + length - 1] == '/')
            length--;
        out->path[count].start = (uint16_t)start;
        out->path[count].length = (uint16_t)length;
        count++;
        if (!text[end])
            break;
    }
    out->kind = SCOPE_PATHS;
    out->count = count;
    return 0;
}

uint32_t directory_nlink_parse(const char *text)
{
    return (text[0] == '1' || text[0] == '2') && !text[1] ? (uint32_t)(text[0] - '0') : 0;
}

const char *environment_value(char *const *environment, const char *name)
{
    for (; *environment; environment++) {
        const char *value = text_after(*environment, name);
        if (value)
            return value;
    }
    return 0;
}

/* A message is put together on the stack and written at once; what does not fit is cut. */
struct message {
    char text[512];
    size_t length;
};

static void say(struct message *message, const char *text)
{
    for (; *text && message->length < sizeof message->text - 1; text++) {
        unsigned char c = (unsigned char)*text;
        message->text[message->length++] = c < ' ' || c == 0x7f ? '?' : (char)c;
    }
}

/* A write to stderr that could wait for a reader, or end the host because there is none, is left out. */
static void send(struct message *message)
{
    const uint64_t no_time[2] = {0}, broken_pipe = 1 << (K_SIGPIPE - 1); /* struct timespec; a set of signals */
    uint64_t pending = 0, mask = 0;
    struct {
        int fd;
        short events, returned;
    } stream = {2, K_POLLOUT, 0};
    message->text[message->length++] = '\n';
    if (kernel_call(NR_PPOLL, (long)&stream, 1, (long)no_time, 0, 0) != 1 || stream.returned != K_POLLOUT ||
        kernel_call(NR_RT_SIGPENDING, (long)&pending, sizeof pending, 0, 0, 0) != 0 ||
        kernel_call(NR_RT_SIGPROCMASK, K_SIG_BLOCK, (long)&broken_pipe, (long)&mask, sizeof mask, 0) != 0)
        return;
    long result = kernel_call(NR_WRITE, 2, (long)message->text, (long)message->length, 0, 0);
    if (result == -K_EPIPE && !(pending & broken_pipe)) /* the reader has gone since: take the signal away */
        kernel_call(NR_RT_SIGTIMEDWAIT, (long)&broken_pipe, 0, (long)no_time, sizeof broken_pipe, 0);
    kernel_call(NR_RT_SIGPROCMASK, K_SIG_SETMASK, (long)&mask, 0, sizeof mask, 0);
}

static void complain(const char *name, const char *value, const char *problem, const char *remedy)
{
    struct message message = {.length = 0};
    char shown[128];
    size_t n = 0;
    for (; value[n] && n < sizeof shown - 1; n++)
        shown[n] = value[n];
    shown[n] = '\0';
    say(&message, "nlinkshim: ");
    say(&message, name);
    say(&message, "'");
    say(&message, shown);
    say(&message, value[n] ? "...' " : "' ");
    say(&message, problem);
    say(&message, remedy);
    send(&message);
}

static char *const *environment_or(char *const *fallback)
{
    return &environ && environ ? environ : fallback;
}

bool configure(char *const *fallback)
{
    char *const *environment = environment_or(fallback);
    if (!environment)
        return false;
    uint32_t expected = NOT_READ;
    /* Another thread, or the call that a signal handler interrupted, may be reading them: not ready yet. */
    if (!__atomic_compare_exchange_n(&state.configured, &expected, BEING_READ, false, __ATOMIC_ACQUIRE,
                                     __ATOMIC_ACQUIRE))
        return expected == READ;

    const char *text = environment_value(environment, "NLINKSHIM_SCOPE=");
    if (text && *text) {
        const char *problem = scope_parse(&scope, text);
        if (problem) {
            complain("NLINKSHIM_SCOPE=", text, problem, "; using fuse");
        } else {
            size_t n = 0;
            do {
                state.scope[n] = text[n];
            } while (text[n++]);
        }
    }
    state.scope_kind = scope.kind;

    text = environment_value(environment, "NLINKSHIM_DIR_NLINK=");
    if (text && *text) {
        uint32_t count = directory_nlink_parse(text);
        if (count)
            state.directory_nlink = count;
        else
            complain("NLINKSHIM_DIR_NLINK=", text, "is neither 1 nor 2", "; using 2");
    }
    __atomic_store_n(&state.configured, READ, __ATOMIC_RELEASE);
    return true;
}

void announce(char *const *fallback)
{
    char *const *environment = environment_or(fallback);
    const char *text = environment ? environment_value(environment, "NLINKSHIM_VERBOSE=") : 0;
    if (!text || !text_equals(text, "1"))
        return;
    struct message message = {.length = 0};
    say(&message, "nlinkshim ");
    say(&message, state.version);
    say(&message, ": loaded, scope ");
    say(&message, state.scope);
    say(&message, state.directory_nlink == 1 ? ", directories 1" : ", directories 2");
    send(&message);
}

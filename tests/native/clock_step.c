/* The reader across steps of the wall clock, which two wrapped functions pretend: clock_gettime shifts
   the wall clock, recvmsg the kernel's stamps. Link with -Wl,--wrap=clock_gettime -Wl,--wrap=recvmsg.

   Prints, for each write, how long after it the recorded arrival was, in whole milliseconds, and at
   the end how many reads there were and how many used the reader's own clock.
*/
#include "reader.h"

#include <arpa/inet.h>
#include <linux/errqueue.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static const int64_t NS_PER_S = 1000000000, HOUR_S = 3600;
static _Atomic int64_t wall_shift_s, stamp_shift_s;

int __real_clock_gettime(clockid_t clock, struct timespec *now);
ssize_t __real_recvmsg(int fd, struct msghdr *message, int flags);

int __wrap_clock_gettime(clockid_t clock, struct timespec *now)
{
    int result = __real_clock_gettime(clock, now);
    if (clock == CLOCK_REALTIME)
        now->tv_sec += wall_shift_s;
    return result;
}

ssize_t __wrap_recvmsg(int fd, struct msghdr *message, int flags)
{
    ssize_t got = __real_recvmsg(fd, message, flags);
    for (struct cmsghdr *part = CMSG_FIRSTHDR(message); got > 0 && part; part = CMSG_NXTHDR(message, part)) {
        if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_TIMESTAMPING)
            continue;
        struct scm_timestamping times;
        memcpy(&times, CMSG_DATA(part), sizeof times);
        if (times.ts[0].tv_sec)
            times.ts[0].tv_sec += stamp_shift_s;
        memcpy(CMSG_DATA(part), &times, sizeof times);
    }
    return got;
}

static int64_t steady_ns(void)
{
    struct timespec now;
    __real_clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * NS_PER_S + now.tv_nsec;
}

static void connect_pair(int *ours, int *theirs)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    *ours = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(listener, (struct sockaddr *)&address, size) < 0 || listen(listener, 1) < 0 ||
        getsockname(listener, (struct sockaddr *)&address, &size) < 0 ||
        connect(*ours, (struct sockaddr *)&address, size) < 0)
        exit(2);
    *theirs = accept(listener, NULL, NULL);
    close(listener);
}

/* Write a byte, wait until it is on the tape, and say what the reader made of its time. */
static void play(struct reader *reader, uint64_t handle, int peer, const char *name)
{
    int64_t before_ns = 0, at_ns, written_ns = steady_ns();
    reader_progress(reader, handle, &before_ns);
    at_ns = before_ns;
    if (write(peer, "x", 1) != 1)
        exit(2);
    for (int tries = 0; tries < 2000 && at_ns == before_ns; tries++) {
        poll(NULL, 0, 1);
        reader_progress(reader, handle, &at_ns);
    }
    printf("%s: %lld ms\n", name, (long long)((at_ns - written_ns) / 1000000));
}

/* The host begins to stamp a moment after it was first asked: record answers until one has its stamp. */
static bool wait_for_stamps(struct reader *reader, uint64_t handle, int peer)
{
    const char answer[] = "HTTP/1.1 204 No Content\r\n\r\n";
    for (int tries = 0; tries < 200; tries++) {
        struct tape tape;
        if (!reader_begin(reader, handle) || write(peer, answer, sizeof answer - 1) < 0)
            return false;
        while (reader_recording(reader, handle))
            poll(NULL, 0, 1);
        if (!reader_take(reader, handle, &tape))
            return false;
        free(tape.data);
        free(tape.marks);
        if (!tape.unstamped)
            return true;
        poll(NULL, 0, 5);
    }
    return false;
}

int main(void)
{
    int ours, peer;
    connect_pair(&ours, &peer);
    struct reader *reader = reader_new(0, 1 << 20);
    uint64_t handle = reader ? reader_adopt(reader, ours, false) : 0;
    if (!handle || !wait_for_stamps(reader, handle, peer) || !reader_begin(reader, handle))
        return 2;
    const char head[] = "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n";
    if (write(peer, head, sizeof head - 1) < 0)
        return 2;
    for (int64_t at_ns = 0; !reader_progress(reader, handle, &at_ns);)
        poll(NULL, 0, 1);
    play(reader, handle, peer, "steady");
    wall_shift_s = HOUR_S;
    play(reader, handle, peer, "forward, stamped before");
    stamp_shift_s = HOUR_S;
    play(reader, handle, peer, "forward, stamped after");
    wall_shift_s = -HOUR_S;
    play(reader, handle, peer, "back, stamped before");
    stamp_shift_s = -HOUR_S;
    play(reader, handle, peer, "back, stamped after");
    struct tape tape;
    if (!reader_take(reader, handle, &tape))
        return 2;
    printf("%zu reads, %zu by the own clock\n", tape.reads, tape.unstamped);
    free(tape.data);
    free(tape.marks);
    close(peer);
    reader_free(reader);
    return 0;
}

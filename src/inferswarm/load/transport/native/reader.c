#include "reader.h"

#include "scan.h"

#include <errno.h>
#include <time.h>

#include <linux/errqueue.h>
#include <linux/net_tstamp.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef TCP_INQ
#define TCP_INQ 36
#endif
#ifndef TCP_CM_INQ
#define TCP_CM_INQ TCP_INQ
#endif

enum {
    FIRST_ROOM = 1 << 14,  /* bytes made ready for an answer */
    LEAST_ROOM = 1 << 12,  /* bytes made ready for a read */
    EVENTS = 1024,
    CLOCK_STEP_NS = 100000, /* a larger change between the two clocks is a step, not drift */
    CLOCK_TRIES = 5,
    LEAST_PAUSE_NS = 20000,
    MOST_PAUSE_NS = 1000000,
    PAUSES_IN_A_GAP = 16,
    REST_FOR_WORK = 4,     /* a busy thread pauses so many times as long as it read */
    GAP_MEMORY = 32,       /* reads over which the mean gap is taken, about */
    STOP = 0,
};

static const int64_t NS_PER_S = 1000000000;

enum phase { IDLE, RECORDING, ENDED };

struct connection {
    int fd;
    uint32_t generation;
    enum phase phase;
    bool raw;      /* all that comes is kept, and the taker finds the answers in it */
    bool reported; /* raw: somebody was told, and has not taken what is there */
    bool watched;
    bool spoiled; /* ended by the other side, or it spoke unasked, or our recording was cut */
    char *data;
    size_t length, room;
    struct mark *marks;
    size_t reads, marks_room, merged, unstamped;
    int64_t last_stamp_ns, last_ns;
    bool closed;
    int error;
    struct scan scan;
};

struct reader {
    pthread_mutex_t lock;
    pthread_t thread;
    bool running;
    int epoll, wake, notice, stamping;
    int64_t anchor_ns, offset_ns;
    int64_t stepped_ns; /* when a clock was last seen to have been set */
    int64_t gap_ns; /* mean time between two reads of one answer */
    size_t tape_limit;
    struct connection **slots;
    size_t count, room;
    uint32_t *free_slots;
    size_t free_count, free_room;
    uint64_t *ended;
    size_t ended_count, ended_room;
};

static int64_t clock_ns(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return now.tv_sec * NS_PER_S + now.tv_nsec;
}

/* Whether kernel stamps since the last look can be converted: not when a clock was set meanwhile. */
static bool compare_clocks(struct reader *reader)
{
    int64_t before, wall, after;
    int tries = CLOCK_TRIES; /* being stopped between two readings must not look like a step */
    do {
        before = clock_ns(CLOCK_MONOTONIC);
        wall = clock_ns(CLOCK_REALTIME);
        after = clock_ns(CLOCK_MONOTONIC);
    } while (after - before > CLOCK_STEP_NS / 2 && --tries);
    int64_t offset = wall - (before + after) / 2;
    int64_t moved = offset - reader->offset_ns;
    reader->offset_ns = offset;
    if (moved < CLOCK_STEP_NS && moved > -CLOCK_STEP_NS)
        return true;
    reader->stepped_ns = after;
    return false;
}

/* Make room for one more item of `size` bytes in a growing array; false without memory. */
static bool grow(void **items, size_t *room, size_t count, size_t size)
{
    if (count < *room)
        return true;
    size_t more = *room ? *room * 2 : 16;
    void *moved = realloc(*items, more * size);
    if (!moved)
        return false;
    *items = moved;
    *room = more;
    return true;
}

static struct connection *find(struct reader *reader, uint64_t handle)
{
    size_t slot = (size_t)(handle & 0xffffffffu);
    uint32_t generation = (uint32_t)(handle >> 32);
    if (slot >= reader->count || !reader->slots[slot])
        return NULL;
    struct connection *connection = reader->slots[slot];
    return connection->fd >= 0 && connection->generation == generation ? connection : NULL;
}

static uint64_t handle_of(size_t slot, const struct connection *connection)
{
    return (uint64_t)connection->generation << 32 | (uint32_t)slot;
}

static void unwatch(struct reader *reader, struct connection *connection)
{
    if (connection->watched)
        epoll_ctl(reader->epoll, EPOLL_CTL_DEL, connection->fd, NULL);
    connection->watched = false;
}

/* Tell whoever waits that the recording under way is over, or, of a raw connection, that there is
   something to take. */
static bool tell(struct reader *reader, size_t slot)
{
    struct connection *connection = reader->slots[slot];
    if (!connection->raw)
        connection->phase = ENDED;
    if (connection->reported ||
        !grow((void **)&reader->ended, &reader->ended_room, reader->ended_count, sizeof *reader->ended))
        return false; /* without memory its deadline ends it */
    connection->reported = connection->raw;
    reader->ended[reader->ended_count++] = handle_of(slot, connection);
    return true;
}

/* Nothing more is read from a connection, because of this error or, with 0, because it was closed. */
static bool finish(struct reader *reader, size_t slot, int error)
{
    struct connection *connection = reader->slots[slot];
    connection->error = error;
    connection->spoiled = true;
    unwatch(reader, connection);
    return (connection->raw || connection->phase == RECORDING) && tell(reader, slot);
}

/* Bytes that may wait to be taken. What is around those of an answer, as in TLS, is not counted here
   as part of it. */
static size_t limit_of(const struct reader *reader, const struct connection *connection)
{
    return connection->raw ? 2 * reader->tape_limit : reader->tape_limit;
}

static bool make_room(const struct reader *reader, struct connection *connection)
{
    if (connection->room - connection->length < LEAST_ROOM) {
        size_t more = connection->room ? connection->room * 2 : FIRST_ROOM;
        size_t most = limit_of(reader, connection) + LEAST_ROOM;
        if (more > most)
            more = most;
        char *moved = realloc(connection->data, more);
        if (!moved)
            return false;
        connection->data = moved;
        connection->room = more;
    }
    return grow((void **)&connection->marks, &connection->marks_room, connection->reads,
                sizeof *connection->marks);
}

struct stamp {
    int64_t wall_ns; /* 0: the kernel gave none */
    int waiting;     /* bytes that had arrived and were not read */
};

static struct stamp read_stamp(struct msghdr *message)
{
    struct stamp stamp = {0, 0};
    for (struct cmsghdr *part = CMSG_FIRSTHDR(message); part; part = CMSG_NXTHDR(message, part)) {
        if (part->cmsg_level == SOL_SOCKET && part->cmsg_type == SCM_TIMESTAMPING) {
            struct scm_timestamping times;
            memcpy(&times, CMSG_DATA(part), sizeof times);
            stamp.wall_ns = times.ts[0].tv_sec * NS_PER_S + times.ts[0].tv_nsec;
        } else if (part->cmsg_level == SOL_TCP && part->cmsg_type == TCP_CM_INQ) {
            memcpy(&stamp.waiting, CMSG_DATA(part), sizeof stamp.waiting);
        }
    }
    return stamp;
}

/* Note one read of a recording: its time, and whether it may hold several arrivals. */
static void note(struct reader *reader, struct connection *connection, struct stamp stamp, bool trusted)
{
    int64_t now_ns = clock_ns(CLOCK_MONOTONIC);
    int64_t at_ns = stamp.wall_ns - reader->offset_ns;
    /* Made before a clock was set, and read after: it converts to a time before that, or to come. */
    bool stamped = stamp.wall_ns && trusted && at_ns > reader->stepped_ns && at_ns < now_ns + CLOCK_STEP_NS;
    if (!stamped || at_ns > now_ns)
        at_ns = now_ns;
    if (at_ns < connection->last_ns)
        at_ns = connection->last_ns;
    /* How many tokens a read brought is counted when it is read; here only what the bytes cannot tell. */
    bool merged = stamp.waiting > 0 || (stamped && stamp.wall_ns == connection->last_stamp_ns);
    connection->marks[connection->reads++] =
        (struct mark){at_ns + reader->anchor_ns, (int64_t)connection->length, merged, !stamped};
    connection->unstamped += !stamped;
    connection->merged += merged;
    connection->last_stamp_ns = stamp.wall_ns;
    if (connection->last_ns)
        reader->gap_ns += (at_ns - connection->last_ns - reader->gap_ns) / GAP_MEMORY;
    connection->last_ns = at_ns;
}

/* Take in what a read brought; true when somebody must be told. */
static bool keep(struct reader *reader, size_t slot, size_t got, struct stamp stamp, bool trusted)
{
    struct connection *connection = reader->slots[slot];
    connection->length += got;
    note(reader, connection, stamp, trusted);
    bool over = !connection->raw && scan_feed(&connection->scan, connection->data, connection->length);
    if (!over && connection->length > limit_of(reader, connection))
        return finish(reader, slot, ENOBUFS);
    return (over || connection->raw) && tell(reader, slot);
}

/* Read once from a connection whose socket is readable; true when somebody must be told. */
static bool read_once(struct reader *reader, size_t slot, bool trusted)
{
    struct connection *connection = reader->slots[slot];
    char unasked[256];
    bool recording = connection->raw || connection->phase == RECORDING;
    if (recording && !make_room(reader, connection))
        return finish(reader, slot, ENOMEM);
    struct iovec into = {recording ? connection->data + connection->length : unasked,
                         recording ? connection->room - connection->length : sizeof unasked};
    char control[CMSG_SPACE(sizeof(struct scm_timestamping)) + CMSG_SPACE(sizeof(int))];
    struct msghdr message = {.msg_iov = &into, .msg_iovlen = 1, .msg_control = control,
                             .msg_controllen = sizeof control};
    ssize_t got = recvmsg(connection->fd, &message, MSG_DONTWAIT);
    int error = got < 0 ? errno : 0;
    if (error == EAGAIN || error == EINTR)
        return false;
    if (got > 0 && recording)
        return keep(reader, slot, (size_t)got, read_stamp(&message), trusted);
    connection->closed = got <= 0;
    return finish(reader, slot, error); /* gone, or it spoke unasked: it is not used again */
}

/* How long to leave bytes with the kernel, whose stamps lose nothing by that: reading many connections
   at once costs less. Little of the gap between two reads of one, so that they stay apart and ends are
   noticed soon; more when reading fills the time. */
static int64_t pause_ns(const struct reader *reader, int64_t worked_ns)
{
    int64_t pause = reader->gap_ns / PAUSES_IN_A_GAP, rest = REST_FOR_WORK * worked_ns;
    if (pause < rest)
        pause = rest;
    return pause < LEAST_PAUSE_NS ? LEAST_PAUSE_NS : pause > MOST_PAUSE_NS ? MOST_PAUSE_NS : pause;
}

static void *run(void *argument)
{
    struct reader *reader = argument;
    struct epoll_event events[EVENTS];
    int64_t rested_ns = 0, pause = 0;
    for (;;) {
        int ready = epoll_wait(reader->epoll, events, EVENTS, -1);
        int64_t began_ns = clock_ns(CLOCK_MONOTONIC);
        bool busy = ready > 1 || began_ns - rested_ns < pause;
        bool told_one = false;
        pthread_mutex_lock(&reader->lock);
        bool trusted = compare_clocks(reader);
        for (int i = 0; i < ready; i++) {
            uint64_t handle = events[i].data.u64;
            if (handle == STOP) {
                pthread_mutex_unlock(&reader->lock);
                return NULL;
            }
            if (find(reader, handle))
                told_one |= read_once(reader, (size_t)(handle & 0xffffffffu), trusted);
        }
        pthread_mutex_unlock(&reader->lock);
        if (told_one) {
            uint64_t one = 1;
            ssize_t told = write(reader->notice, &one, sizeof one);
            (void)told; /* full means that it is readable already */
        }
        rested_ns = clock_ns(CLOCK_MONOTONIC);
        pause = pause_ns(reader, rested_ns - began_ns);
        if (busy && ready < EVENTS) { /* a full turn means that more waits */
            nanosleep(&(struct timespec){0, pause}, NULL);
            rested_ns += pause;
        }
    }
}

/* Start the thread at first use, so that a process may fork before; it takes no signals. */
static bool start(struct reader *reader)
{
    if (reader->running)
        return true;
    sigset_t all, kept;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &kept);
    int failed = pthread_create(&reader->thread, NULL, run, reader);
    pthread_sigmask(SIG_SETMASK, &kept, NULL);
    errno = failed;
    reader->running = !failed;
    return reader->running;
}

static bool ask_for_stamps(int fd)
{
    int flags = SOF_TIMESTAMPING_RX_SOFTWARE | SOF_TIMESTAMPING_SOFTWARE;
    return setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPING, &flags, sizeof flags) == 0;
}

struct reader *reader_new(int64_t anchor_ns, size_t tape_limit)
{
    struct reader *reader = calloc(1, sizeof *reader);
    if (!reader)
        return NULL;
    reader->anchor_ns = anchor_ns;
    reader->tape_limit = tape_limit;
    compare_clocks(reader);
    pthread_mutex_init(&reader->lock, NULL);
    reader->epoll = epoll_create1(EPOLL_CLOEXEC);
    reader->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    reader->notice = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    /* Held for life: the host stamps packets only while some socket asks for it. */
    reader->stamping = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct epoll_event stop = {.events = EPOLLIN, .data.u64 = STOP};
    if (reader->epoll < 0 || reader->wake < 0 || reader->notice < 0 || reader->stamping < 0 ||
        !ask_for_stamps(reader->stamping) ||
        epoll_ctl(reader->epoll, EPOLL_CTL_ADD, reader->wake, &stop) < 0) {
        int failed = errno;
        reader_free(reader);
        errno = failed;
        return NULL;
    }
    return reader;
}

static void drop(struct reader *reader, struct connection *connection)
{
    unwatch(reader, connection);
    close(connection->fd);
    connection->fd = -1;
    free(connection->data);
    free(connection->marks);
    uint32_t generation = connection->generation;
    memset(connection, 0, sizeof *connection);
    connection->fd = -1;
    connection->generation = generation;
}

void reader_free(struct reader *reader)
{
    if (!reader)
        return;
    if (reader->running) {
        uint64_t one = 1;
        ssize_t told = write(reader->wake, &one, sizeof one);
        (void)told;
        pthread_join(reader->thread, NULL);
    }
    for (size_t slot = 0; slot < reader->count; slot++) {
        if (reader->slots[slot] && reader->slots[slot]->fd >= 0)
            drop(reader, reader->slots[slot]);
        free(reader->slots[slot]);
    }
    int owned[] = {reader->epoll, reader->wake, reader->notice, reader->stamping};
    for (size_t i = 0; i < sizeof owned / sizeof *owned; i++)
        if (owned[i] >= 0)
            close(owned[i]);
    free(reader->slots);
    free(reader->free_slots);
    free(reader->ended);
    pthread_mutex_destroy(&reader->lock);
    free(reader);
}

int reader_eventfd(const struct reader *reader)
{
    return reader->notice;
}

/* A slot for a new connection; -1 without memory. */
static int64_t slot_for(struct reader *reader)
{
    if (reader->free_count)
        return reader->free_slots[--reader->free_count];
    if (!grow((void **)&reader->slots, &reader->room, reader->count, sizeof *reader->slots))
        return -1;
    struct connection *connection = calloc(1, sizeof *connection);
    if (!connection)
        return -1;
    reader->slots[reader->count] = connection;
    return (int64_t)reader->count++;
}

/* A slot may be used again; without memory to remember that, it never is. */
static void release(struct reader *reader, uint32_t slot)
{
    if (grow((void **)&reader->free_slots, &reader->free_room, reader->free_count, sizeof slot))
        reader->free_slots[reader->free_count++] = slot;
}

uint64_t reader_adopt(struct reader *reader, int fd, bool raw)
{
    int on = 1;
    ask_for_stamps(fd); /* a refusal shows as unstamped reads */
    setsockopt(fd, SOL_TCP, TCP_INQ, &on, sizeof on);
    uint64_t handle = 0;
    pthread_mutex_lock(&reader->lock);
    int64_t slot = start(reader) ? slot_for(reader) : -1;
    if (slot >= 0) {
        struct connection *connection = reader->slots[slot];
        uint32_t generation = connection->generation + 1;
        memset(connection, 0, sizeof *connection);
        connection->generation = generation ? generation : 1;
        connection->fd = fd;
        connection->raw = raw;
        handle = handle_of((size_t)slot, connection);
        struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP, .data.u64 = handle};
        connection->watched = epoll_ctl(reader->epoll, EPOLL_CTL_ADD, fd, &event) == 0;
        if (!connection->watched) {
            connection->fd = -1;
            release(reader, (uint32_t)slot);
            handle = 0;
        }
    }
    pthread_mutex_unlock(&reader->lock);
    return handle;
}

bool reader_begin(struct reader *reader, uint64_t handle)
{
    pthread_mutex_lock(&reader->lock);
    struct connection *connection = find(reader, handle);
    bool fit = connection && !connection->raw && connection->phase == IDLE && !connection->spoiled;
    if (fit) {
        connection->phase = RECORDING;
        connection->last_stamp_ns = connection->last_ns = 0;
        scan_start(&connection->scan);
    }
    pthread_mutex_unlock(&reader->lock);
    return fit;
}

int64_t reader_send(struct reader *reader, uint64_t handle, const char *data, size_t length, int64_t *at_ns)
{
    int fd = reader_socket(reader, handle);
    *at_ns = clock_ns(CLOCK_MONOTONIC) + reader->anchor_ns;
    ssize_t sent = send(fd, data, length, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    return sent;
}

size_t reader_ended(struct reader *reader, uint64_t *handles, size_t room)
{
    pthread_mutex_lock(&reader->lock);
    size_t count = reader->ended_count < room ? reader->ended_count : room;
    if (count) {
        memcpy(handles, reader->ended, count * sizeof *handles);
        reader->ended_count -= count;
        memmove(reader->ended, reader->ended + count, reader->ended_count * sizeof *handles);
    }
    if (!reader->ended_count) {
        uint64_t drained;
        ssize_t got = read(reader->notice, &drained, sizeof drained);
        (void)got; /* nothing to read is as good */
    }
    pthread_mutex_unlock(&reader->lock);
    return count;
}

bool reader_recording(struct reader *reader, uint64_t handle)
{
    pthread_mutex_lock(&reader->lock);
    struct connection *connection = find(reader, handle);
    bool recording = connection && connection->phase == RECORDING;
    pthread_mutex_unlock(&reader->lock);
    return recording;
}

bool reader_progress(struct reader *reader, uint64_t handle, int64_t *last_ns)
{
    pthread_mutex_lock(&reader->lock);
    struct connection *connection = find(reader, handle);
    bool some = connection && connection->reads;
    if (some)
        *last_ns = connection->marks[connection->reads - 1].at_ns;
    pthread_mutex_unlock(&reader->lock);
    return some;
}

/* What is there becomes the taker's. */
static struct tape hand_over(struct connection *connection)
{
    struct tape tape = {
        .data = connection->data, .length = connection->length, .marks = connection->marks,
        .reads = connection->reads, .merged = connection->merged, .unstamped = connection->unstamped,
        .closed = connection->closed, .error = connection->error,
    };
    connection->data = NULL;
    connection->marks = NULL;
    connection->length = connection->room = connection->reads = connection->marks_room = 0;
    connection->merged = connection->unstamped = 0;
    return tape;
}

bool reader_take(struct reader *reader, uint64_t handle, struct tape *tape)
{
    pthread_mutex_lock(&reader->lock);
    struct connection *connection = find(reader, handle);
    bool known = connection && connection->phase != IDLE;
    if (known) {
        enum scan_state state = connection->scan.state;
        bool ended = connection->phase == ENDED;
        *tape = hand_over(connection);
        tape->keep_alive =
            ended && state == SCAN_DONE && connection->scan.keep_alive && !connection->spoiled;
        tape->whole = ended && (state == SCAN_DONE || state == SCAN_BAD ||
                                (state == SCAN_UNTIL_CLOSE && !connection->error));
        connection->phase = IDLE;
        connection->spoiled |= !tape->keep_alive;
    }
    pthread_mutex_unlock(&reader->lock);
    return known;
}

bool reader_take_raw(struct reader *reader, uint64_t handle, struct tape *tape)
{
    pthread_mutex_lock(&reader->lock);
    struct connection *connection = find(reader, handle);
    bool some = connection && connection->raw && connection->reported;
    if (some) {
        *tape = hand_over(connection);
        connection->reported = false;
    }
    pthread_mutex_unlock(&reader->lock);
    return some;
}

bool reader_usable(struct reader *reader, uint64_t handle)
{
    pthread_mutex_lock(&reader->lock);
    struct connection *connection = find(reader, handle);
    bool usable = connection && !connection->spoiled;
    pthread_mutex_unlock(&reader->lock);
    return usable;
}

void reader_close(struct reader *reader, uint64_t handle)
{
    pthread_mutex_lock(&reader->lock);
    struct connection *connection = find(reader, handle);
    if (connection) {
        drop(reader, connection);
        release(reader, (uint32_t)(handle & 0xffffffffu));
    }
    pthread_mutex_unlock(&reader->lock);
}

int64_t reader_cpu_ns(struct reader *reader)
{
    clockid_t clock;
    if (!reader->running || pthread_getcpuclockid(reader->thread, &clock) != 0)
        return 0;
    return clock_ns(clock);
}

int reader_socket(struct reader *reader, uint64_t handle)
{
    pthread_mutex_lock(&reader->lock);
    struct connection *connection = find(reader, handle);
    int fd = connection ? connection->fd : -1;
    pthread_mutex_unlock(&reader->lock);
    return fd;
}

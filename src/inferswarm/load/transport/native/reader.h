/* A thread that reads many connections and records, for each, one answer at a time as a tape.

   The thread holds neither Python objects nor the interpreter's lock. All functions may be called from
   any thread; a connection is named by a handle, which is never used again after `reader_close`.
*/
#ifndef INFERSWARM_READER_H
#define INFERSWARM_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct reader;

/* One read: when its bytes had arrived (in the caller's clock), and how many bytes the tape then had. */
struct mark {
    int64_t at_ns;
    int64_t end;
    bool merged;    /* it may hold bytes of several arrivals */
    bool unstamped; /* its time is the reader's own clock, not the kernel's */
};

/* What was recorded of one answer; `data` and `marks` are the taker's to free. */
struct tape {
    char *data;
    size_t length;
    struct mark *marks;
    size_t reads;
    size_t merged, unstamped; /* counts of such reads */
    bool whole;       /* as far as HTTP goes: it ended properly, or cannot be HTTP */
    bool keep_alive;
    bool closed;      /* the other side has ended the connection */
    int error;        /* errno of the read that failed, or 0 */
};

/* An answer longer than `tape_limit` bytes ends as ENOBUFS, and so does a raw connection of which
   twice as many wait to be taken. `anchor_ns` added to CLOCK_MONOTONIC gives the caller's clock. NULL with errno set on failure. */
struct reader *reader_new(int64_t anchor_ns, size_t tape_limit);
void reader_free(struct reader *reader);

/* Becomes readable when answers have ended, or raw connections have something to take. */
int reader_eventfd(const struct reader *reader);

/* Take ownership of a connected, non-blocking socket; 0 with errno set on failure.

   A raw connection records whatever comes from now on, because its bytes are not HTTP yet (TLS): it
   is in `reader_ended` whenever there is something new for `reader_take_raw`, and once until then. */
uint64_t reader_adopt(struct reader *reader, int fd, bool raw);

/* Record the next answer; false when the connection has ended or said something unasked. */
bool reader_begin(struct reader *reader, uint64_t handle);

/* Send without waiting; the count of bytes taken, or -1 with errno; `at_ns` is just before. */
int64_t reader_send(struct reader *reader, uint64_t handle, const char *data, size_t length, int64_t *at_ns);

/* Handles of answers that ended, and of raw connections with something to take, since the last call, at most `room` of them. */
size_t reader_ended(struct reader *reader, uint64_t *handles, size_t room);

/* Whether an answer is being recorded. */
bool reader_recording(struct reader *reader, uint64_t handle);

/* Bytes so far and the arrival of the last read; false when nothing came yet. */
bool reader_progress(struct reader *reader, uint64_t handle, int64_t *last_ns);

/* Stop recording and hand over the tape. */
bool reader_take(struct reader *reader, uint64_t handle, struct tape *tape);

/* Hand over what came of a raw connection since the last call; false when nothing did. */
bool reader_take_raw(struct reader *reader, uint64_t handle, struct tape *tape);

/* Whether another request can be sent. */
bool reader_usable(struct reader *reader, uint64_t handle);

void reader_close(struct reader *reader, uint64_t handle);

/* CPU time of the thread. */
int64_t reader_cpu_ns(struct reader *reader);

/* The socket behind a handle, to wait until it takes more; -1 for an unknown one. */
int reader_socket(struct reader *reader, uint64_t handle);

#endif

/* Where an HTTP/1.x answer ends, found while its bytes still arrive.

   The scanner looks at each byte of a head and at each chunk size once, and at nothing else. It decides
   only when to stop recording: what the answer says is read later, in Python, by llhttp. Whatever it
   does not understand ends as SCAN_BAD, which stops the recording at once and leaves the judgement there.
*/
#ifndef INFERSWARM_SCAN_H
#define INFERSWARM_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum scan_state {
    SCAN_HEAD,
    SCAN_LENGTH,      /* a body of declared length: `left` bytes are missing */
    SCAN_CHUNK_SIZE,  /* in a line that begins with a chunk's size */
    SCAN_CHUNK_DATA,  /* `left` bytes of a chunk, its line end included, are missing */
    SCAN_TRAILER,     /* after the last chunk: lines up to an empty one */
    SCAN_UNTIL_CLOSE, /* the end is the connection's */
    SCAN_DONE,
    SCAN_BAD,
};

struct scan {
    enum scan_state state;
    size_t begin;     /* first byte of the head or line under way */
    size_t next;      /* first byte not looked at */
    uint64_t left;
    bool keep_alive;
};

/* A scanner at the first byte of an answer. */
void scan_start(struct scan *scan);

/* Look at what is new in the `length` bytes of the answer so far, all of them at `data`.
   True when the answer is over: SCAN_DONE or SCAN_BAD. */
bool scan_feed(struct scan *scan, const char *data, size_t length);

#endif

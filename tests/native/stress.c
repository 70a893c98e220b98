/* Many answers over many connections, in random pieces, while threads adopt, take, cut and close.

   Built with sanitizers by test_sanitizers.py. Prints the number of answers that came back whole and
   exits with 0 when all that were not cut on purpose did.
*/
#include "reader.h"
#include "scan.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { THREADS = 3, ROUNDS = 120, LARGEST = 6000 };

static int listener;
static struct sockaddr_in address;

static unsigned next(unsigned *seed)
{
    return *seed = *seed * 1664525u + 1013904223u;
}

/* An answer of random form into `out`; its length. Forms: sized, chunked, until close. */
static size_t make(unsigned *seed, char *out, int form)
{
    size_t body = next(seed) % LARGEST, at;
    if (form == 0) {
        at = (size_t)sprintf(out, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", body);
        memset(out + at, 'x', body);
        return at + body;
    }
    if (form == 2) {
        at = (size_t)sprintf(out, "HTTP/1.0 200 OK\r\n\r\n");
        memset(out + at, 'y', body);
        return at + body;
    }
    at = (size_t)sprintf(out, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    while (body) {
        size_t part = next(seed) % 400 + 1;
        part = part > body ? body : part;
        at += (size_t)sprintf(out + at, "%zx\r\n", part);
        memset(out + at, '\n', part);
        at += part;
        memcpy(out + at, "\r\n", 2);
        at += 2;
        body -= part;
    }
    memcpy(out + at, "0\r\n\r\n", 5);
    return at + 5;
}

/* The other side of one connection: an answer for each byte that asks for one. */
static void *serve(void *argument)
{
    int fd = (int)(intptr_t)argument;
    char answer[LARGEST * 3];
    unsigned char asked[2];
    while (recv(fd, asked, 2, MSG_WAITALL) == 2) {
        unsigned seed = asked[1];
        size_t length = make(&seed, answer, asked[0]), sent = 0;
        while (sent < length) {
            size_t part = next(&seed) % 900 + 1;
            part = part > length - sent ? length - sent : part;
            if (send(fd, answer + sent, part, MSG_NOSIGNAL) < 0)
                break;
            sent += part;
        }
        if (asked[0] == 2)
            break;
    }
    close(fd);
    return NULL;
}

static void *accept_all(void *unused)
{
    (void)unused;
    for (;;) {
        int fd = accept(listener, NULL, NULL);
        if (fd < 0)
            return NULL;
        pthread_t thread;
        pthread_create(&thread, NULL, serve, (void *)(intptr_t)fd);
        pthread_detach(thread);
    }
}

static int dial(void)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) < 0)
        abort();
    fcntl(fd, F_SETFL, O_NONBLOCK);
    return fd;
}

struct count {
    struct reader *reader;
    unsigned seed;
    int whole, wanted;
};

/* Ask on one connection and wait for the whole answer; true when it is what was made. */
static bool exchange(struct count *count, uint64_t handle, int form)
{
    char expected[LARGEST * 3];
    unsigned char ask[2] = {(unsigned char)form, (unsigned char)next(&count->seed)};
    unsigned seed = ask[1];
    size_t length = make(&seed, expected, form);
    int64_t at_ns, last_ns;
    if (!reader_begin(count->reader, handle) ||
        reader_send(count->reader, handle, (char *)ask, 2, &at_ns) != 2)
        return false;
    bool cut = next(&count->seed) % 8 == 0;
    struct tape tape = {0};
    size_t got = 0;
    bool good = true, over = false;
    for (int tries = 0; tries < 20000 && !over; tries++) {
        uint64_t handles[64];
        reader_ended(count->reader, handles, 64);
        reader_progress(count->reader, handle, &last_ns);
        poll(NULL, 0, tries < 50 ? 0 : 1);
        if (cut && tries == 3)
            break;
        over = !reader_recording(count->reader, handle);
    }
    if (reader_take(count->reader, handle, &tape)) {
        got = tape.length;
        good = got <= length && (!got || memcmp(tape.data, expected, got) == 0);
        for (size_t i = 0; i < tape.reads; i++)
            good &= tape.marks[i].end <= (int64_t)got && (!i || tape.marks[i].at_ns >= tape.marks[i - 1].at_ns);
        free(tape.data);
        free(tape.marks);
    }
    if (cut)
        return good;
    count->wanted++;
    count->whole += good && tape.whole && got == length;
    return good;
}

/* Take what is there into `got`, after `have` bytes; false when it is more than `room` or out of order. */
static bool take_raw(struct reader *reader, uint64_t handle, char *got, size_t *have, size_t room, bool *closed)
{
    struct tape tape;
    if (!reader_take_raw(reader, handle, &tape))
        return true;
    bool good = *have + tape.length <= room;
    for (size_t i = 0; i < tape.reads; i++)
        good &= tape.marks[i].end <= (int64_t)tape.length && (!i || tape.marks[i].at_ns >= tape.marks[i - 1].at_ns);
    if (good && tape.length)
        memcpy(got + *have, tape.data, tape.length);
    *have += tape.length;
    *closed |= tape.closed;
    free(tape.data);
    free(tape.marks);
    return good;
}

/* The same on a raw connection, whose bytes are taken as they come. */
static bool exchange_raw(struct count *count, uint64_t handle, int form)
{
    char expected[LARGEST * 3], got[LARGEST * 3];
    unsigned char ask[2] = {(unsigned char)form, (unsigned char)next(&count->seed)};
    unsigned seed = ask[1];
    size_t length = make(&seed, expected, form), have = 0;
    int64_t at_ns;
    bool good = true, closed = false, over = false;
    if (reader_send(count->reader, handle, (char *)ask, 2, &at_ns) != 2)
        return false;
    for (int tries = 0; tries < 20000 && good && !over; tries++) {
        uint64_t handles[64];
        reader_ended(count->reader, handles, 64);
        poll(NULL, 0, tries < 50 ? 0 : 1);
        good = take_raw(count->reader, handle, got, &have, length, &closed);
        over = have >= length && (form != 2 || closed);
    }
    good = good && memcmp(got, expected, have) == 0;
    count->wanted++;
    count->whole += good && over;
    return good;
}

static void *ask_all(void *argument)
{
    struct count *count = argument;
    for (int round = 0; round < ROUNDS; round++) {
        bool raw = round % 3 == 0;
        uint64_t handle = reader_adopt(count->reader, dial(), raw);
        for (int i = 0; i < 4 && reader_usable(count->reader, handle); i++)
            if (!(raw ? exchange_raw : exchange)(count, handle, (int)(next(&count->seed) % 3)))
                abort();
        reader_close(count->reader, handle);
    }
    return NULL;
}

int main(void)
{
    listener = socket(AF_INET, SOCK_STREAM, 0);
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    if (bind(listener, (struct sockaddr *)&address, size) < 0 || listen(listener, 128) < 0 ||
        getsockname(listener, (struct sockaddr *)&address, &size) < 0)
        return 2;
    pthread_t acceptor, threads[THREADS];
    pthread_create(&acceptor, NULL, accept_all, NULL);
    struct reader *reader = reader_new(0, 1 << 20);
    struct count counts[THREADS];
    for (unsigned i = 0; i < THREADS; i++) {
        counts[i] = (struct count){reader, i + 1, 0, 0};
        pthread_create(&threads[i], NULL, ask_all, &counts[i]);
    }
    int whole = 0, wanted = 0;
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        whole += counts[i].whole;
        wanted += counts[i].wanted;
    }
    reader_free(reader);
    shutdown(listener, SHUT_RDWR);
    pthread_join(acceptor, NULL);
    close(listener);
    printf("%d of %d whole\n", whole, wanted);
    return whole == wanted && wanted > 100 ? 0 : 1;
}

/* An inference server that knows the truth: one thread, epoll, paced answers, a log of every write.
 *
 *   truth_server [--port N] [--ttft-us N] [--itl-us N] [--log FILE] [--no-token-times]
 *
 * Listens on 127.0.0.1 and prints "listening PORT". Speaks `POST /v1/completions` and
 * `/v1/chat/completions`, streamed (one event, one HTTP chunk and one write for each token) and not,
 * `GET /v1/models` and `GET /health`; connections stay open.
 * Token i is due at received + ttft + i * itl, where `received` is the kernel's receive time of the
 * request's last byte; with 0/0 every open stream gets one token per turn of the loop.
 * SIGTERM and SIGINT end it in order: the log is written, all in host byte order, unsigned 64 bits:
 *
 *   "ISTRUTH1", rows, rows lost, requests stamped by this process instead of the kernel
 *   rows times: number, received_ns, first_write_ns, end_ns, flags, tokens, times; `times` token_ns
 *
 * Instants are CLOCK_REALTIME just before the write; end_ns is 0 for an answer that was cut.
 * flags: 1 streamed, 2 complete.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum {
    HEAD_LIMIT = 16 * 1024,
    BODY_LIMIT = 4 * 1024 * 1024,
    READ_STEP = 16 * 1024,
    EVENT_SPACE = 512,
    TAIL_SPACE = 1536,
    TOKEN_LIMIT = 65536,
    DEFAULT_TOKENS = 16,
    EVENTS_PER_TURN = 1024,
    ROWS_PER_BLOCK = 65536,
    BLOCK_LIMIT = 256,
};
#define NS_PER_S 1000000000ull
#define SPIN_NS 20000ull /* a wait shorter than this costs more in timer calls than it saves */

typedef struct {
    uint64_t number, received_ns, first_write_ns, end_ns, flags, tokens, times;
    uint64_t *token_ns;
} row;

typedef struct connection {
    int fd;
    bool closed, blocked, answering, close_after;
    char *in; /* bytes received and not yet used */
    size_t in_used, in_space;
    uint64_t stamp_ns; /* of the last read */
    row *row;
    bool streamed, chat;
    uint64_t sent; /* tokens written so far */
    uint64_t due_ns;
    size_t place;             /* in the agenda or the ring, while answering */
    char event[EVENT_SPACE];  /* the chunk of one token */
    size_t event_length;
    char *out; /* bytes that the socket did not take at once, or the tail of an answer */
    size_t out_used, out_done;
    struct connection *next_dead;
} connection;

static uint64_t ttft_ns, itl_ns, next_number, rows_lost, own_stamps, row_count;
static bool keep_token_times = true;
static const char *log_path;
static row *blocks[BLOCK_LIMIT];
static int epoll_fd, listen_fd, timer_fd, signal_fd;
static connection *dead;

/* Answers under way: a heap by due time, or with 0/0 an unordered ring. */
static connection **agenda;
static size_t agenda_used, agenda_space;

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

static void *grown(void *old, size_t size)
{
    void *made = realloc(old, size);
    if (made == NULL)
        fail("memory");
    return made;
}

static bool paced(void) { return ttft_ns != 0 || itl_ns != 0; }

/* ---- agenda ---- */

static void put(size_t place, connection *c)
{
    agenda[place] = c;
    c->place = place;
}

static void sift(size_t place)
{
    connection *c = agenda[place];
    while (place > 0 && agenda[(place - 1) / 2]->due_ns > c->due_ns) {
        put(place, agenda[(place - 1) / 2]);
        place = (place - 1) / 2;
    }
    for (;;) {
        size_t child = 2 * place + 1;
        if (child >= agenda_used)
            break;
        if (child + 1 < agenda_used && agenda[child + 1]->due_ns < agenda[child]->due_ns)
            child++;
        if (agenda[child]->due_ns >= c->due_ns)
            break;
        put(place, agenda[child]);
        place = child;
    }
    put(place, c);
}

static void agenda_add(connection *c)
{
    if (agenda_used == agenda_space) {
        agenda_space = agenda_space ? 2 * agenda_space : 256;
        agenda = grown(agenda, agenda_space * sizeof *agenda);
    }
    put(agenda_used++, c);
    sift(c->place);
}

static void agenda_remove(connection *c)
{
    connection *last = agenda[--agenda_used];
    if (last != c) {
        put(c->place, last);
        sift(last->place);
    }
}

/* ---- the log ---- */

static row *new_row(bool streamed, uint64_t tokens, uint64_t received_ns)
{
    size_t block = row_count / ROWS_PER_BLOCK;
    row *r;
    if (block < BLOCK_LIMIT) {
        if (blocks[block] == NULL)
            blocks[block] = grown(NULL, ROWS_PER_BLOCK * sizeof(row));
        r = &blocks[block][row_count++ % ROWS_PER_BLOCK];
    } else {
        rows_lost++;
        r = grown(NULL, sizeof *r);
    }
    memset(r, 0, sizeof *r);
    r->number = next_number++;
    r->received_ns = received_ns;
    r->flags = streamed ? 1 : 0;
    if (keep_token_times)
        r->token_ns = grown(NULL, (streamed ? tokens : 1) * sizeof *r->token_ns);
    return r;
}

static void write_log(void)
{
    FILE *file = log_path ? fopen(log_path, "wb") : NULL;
    if (file == NULL) {
        if (log_path)
            fail(log_path);
        return;
    }
    uint64_t head[3] = {row_count, rows_lost, own_stamps};
    fwrite("ISTRUTH1", 1, 8, file);
    fwrite(head, sizeof head, 1, file);
    for (uint64_t i = 0; i < row_count; i++) {
        row *r = &blocks[i / ROWS_PER_BLOCK][i % ROWS_PER_BLOCK];
        fwrite(r, sizeof(uint64_t), 7, file);
        if (r->times)
            fwrite(r->token_ns, sizeof(uint64_t), r->times, file);
    }
    if (fclose(file) != 0)
        fail(log_path);
}

/* ---- connections ---- */

static void watch(connection *c, bool writing)
{
    struct epoll_event e = {.events = EPOLLIN | (writing ? EPOLLOUT : 0), .data.ptr = c};
    if (c->blocked != writing)
        epoll_ctl(epoll_fd, EPOLL_CTL_MOD, c->fd, &e);
    c->blocked = writing;
}

static void hang_up(connection *c)
{
    if (c->closed)
        return;
    c->closed = true;
    if (c->answering)
        agenda_remove(c);
    close(c->fd);
    c->next_dead = dead; /* an event of the same turn may still name it */
    dead = c;
}

static void bury(void)
{
    while (dead != NULL) {
        connection *c = dead;
        dead = c->next_dead;
        free(c->in);
        free(c->out);
        free(c);
    }
}

static void accept_all(void)
{
    for (;;) {
        int fd = accept4(listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0)
            return;
        int on = 1;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on);
        connection *c = grown(NULL, sizeof *c);
        memset(c, 0, sizeof *c);
        c->fd = fd;
        struct epoll_event e = {.events = EPOLLIN, .data.ptr = c};
        epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &e);
    }
}

/* Writes what waits; false when the connection is gone or does not take it all yet. */
static bool flush(connection *c)
{
    while (c->out_done < c->out_used) {
        ssize_t n = send(c->fd, c->out + c->out_done, c->out_used - c->out_done, MSG_NOSIGNAL);
        if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
            watch(c, true);
            return false;
        }
        if (n < 0) {
            hang_up(c);
            return false;
        }
        c->out_done += (size_t)n;
    }
    c->out_used = c->out_done = 0;
    watch(c, false);
    return true;
}

/* Writes, and keeps what the socket does not take; false as `flush`. */
static bool say(connection *c, const char *data, size_t length)
{
    ssize_t n = send(c->fd, data, length, MSG_NOSIGNAL);
    if (n == (ssize_t)length)
        return true;
    if (n < 0 && errno != EAGAIN && errno != EINTR) {
        hang_up(c);
        return false;
    }
    size_t done = n < 0 ? 0 : (size_t)n;
    c->out = grown(c->out, length - done);
    memcpy(c->out, data + done, length - done);
    c->out_used = length - done;
    c->out_done = 0;
    return flush(c);
}

/* ---- answers ---- */

#define MODEL "inferswarm-bench"
#define CREATED ",\"created\":1700000000,\"model\":\"" MODEL "\",\"choices\":"
#define TEXT_HEAD "{\"id\":\"cmpl-%016llx\",\"object\":\"text_completion\"" CREATED
#define CHAT_HEAD "{\"id\":\"chatcmpl-%016llx\",\"object\":\"chat.completion%s\"" CREATED

/* The event of one token, or with `reason` the one that ends the choice. */
static void event(char *into, size_t space, const connection *c, const char *text, const char *reason)
{
    unsigned long long id = c->row->number;
    if (c->chat)
        snprintf(into, space, "data: " CHAT_HEAD
                 "[{\"index\":0,\"delta\":{\"content\":\"%s\"},\"logprobs\":null,\"finish_reason\":%s}],"
                 "\"usage\":null}\n\n", id, ".chunk", text, reason);
    else
        snprintf(into, space, "data: " TEXT_HEAD
                 "[{\"index\":0,\"text\":\"%s\",\"logprobs\":null,\"finish_reason\":%s,"
                 "\"stop_reason\":null}],\"usage\":null}\n\n", id, text, reason);
}

/* An object up to its choices. */
static size_t object_head(char *into, size_t space, const connection *c)
{
    unsigned long long id = c->row->number;
    return (size_t)(c->chat ? snprintf(into, space, CHAT_HEAD, id, c->streamed ? ".chunk" : "")
                            : snprintf(into, space, TEXT_HEAD, id));
}

/* The end of an object, after its choices. */
static size_t usage(char *into, size_t space, unsigned long long tokens)
{
    return (size_t)snprintf(into, space, ",\"usage\":{\"prompt_tokens\":8,\"completion_tokens\":%llu,"
                            "\"total_tokens\":%llu}}", tokens, tokens + 8);
}

/* One HTTP chunk around `payload`, which must fit. */
static size_t chunk(char *into, size_t space, const char *payload)
{
    return (size_t)snprintf(into, space, "%zx\r\n%s\r\n", strlen(payload), payload);
}

static void answer_next(connection *c);

static void finished(connection *c)
{
    c->row->end_ns = now_ns();
    c->row->flags |= 2;
    c->answering = false;
    c->row = NULL;
    agenda_remove(c);
    if (c->close_after)
        hang_up(c);
    else
        answer_next(c);
}

static void say_tail(connection *c)
{
    char payload[EVENT_SPACE], tail[TAIL_SPACE];
    size_t used = 0, told;
    event(payload, sizeof payload, c, "", "\"length\"");
    used += chunk(tail + used, sizeof tail - used, payload);
    told = (size_t)snprintf(payload, sizeof payload, "data: ");
    told += object_head(payload + told, sizeof payload - told, c);
    told += (size_t)snprintf(payload + told, sizeof payload - told, "[]");
    told += usage(payload + told, sizeof payload - told, c->row->tokens);
    snprintf(payload + told, sizeof payload - told, "\n\n");
    used += chunk(tail + used, sizeof tail - used, payload);
    used += chunk(tail + used, sizeof tail - used, "data: [DONE]\n\n");
    used += (size_t)snprintf(tail + used, sizeof tail - used, "0\r\n\r\n");
    if (say(c, tail, used) || !c->closed)
        finished(c);
}

static void say_token(connection *c)
{
    row *r = c->row;
    uint64_t at = now_ns();
    if (r->times < r->tokens && r->token_ns != NULL)
        r->token_ns[r->times++] = at;
    if (r->first_write_ns == 0)
        r->first_write_ns = at;
    c->sent++;
    if (!say(c, c->event, c->event_length) && c->closed)
        return;
    if (c->sent < r->tokens) {
        c->due_ns += itl_ns;
        sift(c->place);
    }
}

static void say_whole(connection *c)
{
    row *r = c->row;
    size_t space = 768 + 6 * (size_t)r->tokens;
    char *body = grown(NULL, space), *whole = grown(NULL, space + 256);
    size_t used = object_head(body, space, c);
    used += (size_t)snprintf(body + used, space - used, "[{\"index\":0,\"%s\":%s",
                             c->chat ? "message" : "text",
                             c->chat ? "{\"role\":\"assistant\",\"content\":\"" : "\"");
    for (uint64_t i = 0; i < r->tokens; i++, used += 6)
        memcpy(body + used, " token", 6);
    used += (size_t)snprintf(body + used, space - used, "\"%s,\"logprobs\":null,\"finish_reason\":\"length\"}]",
                             c->chat ? "}" : "");
    used += usage(body + used, space - used, r->tokens);
    size_t head = (size_t)snprintf(whole, 256,
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %zu\r\n\r\n", used);
    memcpy(whole + head, body, used);
    r->first_write_ns = now_ns();
    if (r->token_ns != NULL)
        r->token_ns[r->times++] = r->first_write_ns;
    if (say(c, whole, head + used) || !c->closed)
        finished(c);
    free(body);
    free(whole);
}

/* The next write of an answer whose time has come. */
static void go_on(connection *c)
{
    if (!c->streamed)
        say_whole(c);
    else {
        say_token(c);
        if (!c->closed && c->answering && c->sent == c->row->tokens) {
            if (c->out_used == 0)
                say_tail(c);
            else
                c->due_ns = UINT64_MAX, sift(c->place); /* the tail follows when the socket drains */
        }
    }
}

static void begin(connection *c, bool streamed, uint64_t tokens)
{
    static const char head[] = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\n"
                               "transfer-encoding: chunked\r\n\r\n";
    char payload[EVENT_SPACE];
    c->row = new_row(streamed, tokens, c->stamp_ns);
    c->row->tokens = tokens;
    c->streamed = streamed;
    c->sent = 0;
    c->due_ns = c->stamp_ns + ttft_ns + (streamed ? 0 : (tokens - 1) * itl_ns);
    c->answering = true;
    agenda_add(c);
    if (streamed) {
        event(payload, sizeof payload, c, " token", "null");
        c->event_length = chunk(c->event, sizeof c->event, payload);
        say(c, head, sizeof head - 1);
    }
}

static void say_plain(connection *c, const char *status, const char *body, bool last)
{
    char whole[512];
    int used = snprintf(whole, sizeof whole,
        "HTTP/1.1 %s\r\ncontent-type: application/json\r\ncontent-length: %zu\r\n%s\r\n%s", status,
        strlen(body), last ? "connection: close\r\n" : "", body);
    if (say(c, whole, (size_t)used) && last)
        hang_up(c);
    else if (last)
        c->close_after = true;
}

/* ---- requests ---- */

/* The value of a key of the body's outermost object, as text; NULL without it. Keys inside strings are
 * escaped, so that a quote after a backslash is none. */
static const char *value_of(const char *body, const char *key)
{
    size_t length = strlen(key);
    for (const char *at = body; (at = strstr(at, key)) != NULL; at += length) {
        const char *after = at + length;
        if (at == body || at[-1] == '\\')
            continue;
        after += strspn(after, " \t\r\n");
        if (*after == ':')
            return after + 1 + strspn(after + 1, " \t\r\n");
    }
    return NULL;
}

static void respond(connection *c, const char *head, char *body, size_t length)
{
    char kept = body[length];
    body[length] = 0;
    if (strncmp(head, "GET /v1/models ", 15) == 0)
        say_plain(c, "200 OK", "{\"object\":\"list\",\"data\":[{\"id\":\"" MODEL "\",\"object\":\"model\"}]}",
                  false);
    else if (strncmp(head, "GET /health ", 12) == 0)
        say_plain(c, "200 OK", "{}", false);
    else if (strncmp(head, "POST /v1/completions ", 21) == 0 ||
             strncmp(head, "POST /v1/chat/completions ", 26) == 0) {
        const char *stream = value_of(body, "\"stream\""), *limit = value_of(body, "\"max_tokens\"");
        if (limit == NULL)
            limit = value_of(body, "\"max_completion_tokens\"");
        c->chat = head[10] == 'h';
        long tokens = limit ? strtol(limit, NULL, 10) : DEFAULT_TOKENS;
        tokens = tokens < 1 ? 1 : tokens > TOKEN_LIMIT ? TOKEN_LIMIT : tokens;
        begin(c, stream && strncmp(stream, "true", 4) == 0, (uint64_t)tokens);
    } else
        say_plain(c, "404 Not Found", "{\"error\":{\"message\":\"no such route\"}}", false);
    body[length] = kept;
}

static void refuse(connection *c, const char *status)
{
    c->in_used = 0;
    say_plain(c, status, "{\"error\":{\"message\":\"not a request for this server\"}}", true);
}

/* The declared length of a body; -1 when it is none that we take. */
static long declared(const char *head, const char *end)
{
    long length = 0;
    for (const char *line = head; line < end; line = strstr(line, "\r\n") + 2) {
        if (strncasecmp(line, "content-length:", 15) == 0)
            length = strtol(line + 15, NULL, 10);
        if (strncasecmp(line, "transfer-encoding:", 18) == 0)
            return -1;
    }
    return length < 0 || length > BODY_LIMIT ? -1 : length;
}

/* Takes the next whole request from what was received, if there is one and nothing is being answered. */
static void answer_next(connection *c)
{
    while (!c->closed && !c->answering && !c->close_after && c->in_used > 0 && c->out_used == 0) {
        c->in[c->in_used] = 0;
        if (memchr(c->in, 0, c->in_used > 8 ? 8 : c->in_used) != NULL ||
            (strncmp(c->in, "GET ", 4) != 0 && strncmp(c->in, "POST ", 5) != 0 && c->in_used >= 5)) {
            refuse(c, "400 Bad Request");
            return;
        }
        char *end = memmem(c->in, c->in_used, "\r\n\r\n", 4);
        if (end == NULL) {
            if (c->in_used > HEAD_LIMIT)
                refuse(c, "431 Request Header Fields Too Large");
            return;
        }
        if (memchr(c->in, 0, (size_t)(end - c->in)) != NULL) {
            refuse(c, "400 Bad Request");
            return;
        }
        long length = declared(c->in, end);
        size_t head = (size_t)(end + 4 - c->in);
        if (length < 0) {
            refuse(c, "413 Content Too Large");
            return;
        }
        if (c->in_used < head + (size_t)length)
            return;
        size_t used = head + (size_t)length;
        respond(c, c->in, c->in + head, (size_t)length);
        if (c->closed)
            return;
        memmove(c->in, c->in + used, c->in_used - used);
        c->in_used -= used;
    }
}

static uint64_t stamp_of(struct msghdr *message)
{
    for (struct cmsghdr *m = CMSG_FIRSTHDR(message); m != NULL; m = CMSG_NXTHDR(message, m))
        if (m->cmsg_level == SOL_SOCKET && m->cmsg_type == SCM_TIMESTAMPNS) {
            struct timespec t;
            memcpy(&t, CMSG_DATA(m), sizeof t);
            return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
        }
    own_stamps++;
    return now_ns();
}

static void on_readable(connection *c)
{
    if (c->in_used > HEAD_LIMIT + BODY_LIMIT) {
        hang_up(c);
        return;
    }
    if (c->in_space < c->in_used + READ_STEP + 1) {
        c->in_space = 2 * c->in_space > c->in_used + READ_STEP + 1 ? 2 * c->in_space : c->in_used + READ_STEP + 1;
        c->in = grown(c->in, c->in_space);
    }
    char control[256];
    struct iovec into = {c->in + c->in_used, c->in_space - c->in_used - 1};
    struct msghdr message = {.msg_iov = &into, .msg_iovlen = 1, .msg_control = control,
                             .msg_controllen = sizeof control};
    ssize_t n = recvmsg(c->fd, &message, 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        hang_up(c);
        return;
    }
    c->stamp_ns = stamp_of(&message);
    c->in_used += (size_t)n;
    answer_next(c);
}

static void on_writable(connection *c)
{
    if (!flush(c))
        return;
    if (c->close_after && !c->answering)
        hang_up(c);
    else if (c->answering && c->streamed && c->sent == c->row->tokens)
        say_tail(c);
    else
        answer_next(c);
}

/* ---- the loop ---- */

static void play_due(void)
{
    uint64_t now = now_ns();
    while (agenda_used > 0 && agenda[0]->due_ns <= now) {
        connection *c = agenda[0];
        if (c->out_used == 0)
            go_on(c);
        else /* it reads too slowly: the token is late, and the log will say when it went */
            c->due_ns = now + NS_PER_S / 1000, sift(0);
    }
}

/* Without pacing: one token for each open answer, last to first, as answers that end leave the ring. */
static void play_turn(void)
{
    for (size_t i = agenda_used; i-- > 0;)
        if (i < agenda_used && agenda[i]->out_used == 0 && agenda[i]->due_ns != UINT64_MAX)
            go_on(agenda[i]);
}

static int arm(void)
{
    static uint64_t armed_ns;
    if (agenda_used == 0 || agenda[0]->due_ns == UINT64_MAX)
        return -1;
    uint64_t due = agenda[0]->due_ns;
    if (!paced())
        return 0;
    if (due < now_ns() + SPIN_NS)
        return 0;
    if (due != armed_ns) {
        struct itimerspec t = {.it_value = {(time_t)(due / NS_PER_S), (long)(due % NS_PER_S)}};
        timerfd_settime(timer_fd, TFD_TIMER_ABSTIME, &t, NULL);
        armed_ns = due;
    }
    return -1;
}

static void serve(void)
{
    struct epoll_event events[EVENTS_PER_TURN];
    for (;;) {
        int n = epoll_wait(epoll_fd, events, EVENTS_PER_TURN, arm());
        for (int i = 0; i < n; i++) {
            void *who = events[i].data.ptr;
            connection *c = who;
            uint64_t count;
            if (who == &signal_fd)
                return;
            if (who == &listen_fd)
                accept_all();
            else if (who == &timer_fd)
                while (read(timer_fd, &count, sizeof count) > 0)
                    continue;
            else {
                if (!c->closed && (events[i].events & EPOLLOUT))
                    on_writable(c);
                if (!c->closed && (events[i].events & ~(uint32_t)EPOLLOUT))
                    on_readable(c);
            }
            if (paced() && i % 32 == 31)
                play_due();
        }
        if (paced())
            play_due();
        else
            play_turn();
        bury();
    }
}

static void watch_own(int *fd)
{
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = fd};
    if (*fd < 0 || epoll_ctl(epoll_fd, EPOLL_CTL_ADD, *fd, &e) != 0)
        fail("epoll");
}

static int listen_on(uint16_t port)
{
    struct sockaddr_in where = {.sin_family = AF_INET, .sin_port = htons(port),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof where;
    int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    /* Also keeps the host's time-stamping switched on for as long as this process lives. */
    setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on);
    if (bind(fd, (struct sockaddr *)&where, sizeof where) != 0 || listen(fd, 4096) != 0)
        fail("listen");
    getsockname(fd, (struct sockaddr *)&where, &length);
    printf("listening %d\n", ntohs(where.sin_port));
    fflush(stdout);
    return fd;
}

static int take_signals(void)
{
    sigset_t mask;
    sigemptyset(&mask);
    sigaddset(&mask, SIGTERM);
    sigaddset(&mask, SIGINT);
    sigprocmask(SIG_BLOCK, &mask, NULL);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    return signalfd(-1, &mask, SFD_NONBLOCK | SFD_CLOEXEC);
}

int main(int count, char **words)
{
    uint16_t port = 0;
    for (int i = 1; i < count; i++) {
        const char *value = i + 1 < count ? words[i + 1] : "";
        if (strcmp(words[i], "--no-token-times") == 0)
            keep_token_times = false;
        else if (strcmp(words[i], "--port") == 0)
            port = (uint16_t)atoi(value), i++;
        else if (strcmp(words[i], "--ttft-us") == 0)
            ttft_ns = strtoull(value, NULL, 10) * 1000, i++;
        else if (strcmp(words[i], "--itl-us") == 0)
            itl_ns = strtoull(value, NULL, 10) * 1000, i++;
        else if (strcmp(words[i], "--log") == 0)
            log_path = value, i++;
        else {
            fprintf(stderr, "unknown option %s\n", words[i]);
            return 2;
        }
    }
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    signal_fd = take_signals();
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    timer_fd = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK | TFD_CLOEXEC);
    listen_fd = listen_on(port);
    watch_own(&signal_fd);
    watch_own(&timer_fd);
    watch_own(&listen_fd);
    serve();
    write_log();
    return 0;
}

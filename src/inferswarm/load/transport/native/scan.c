#include "scan.h"

#include <string.h>
#include <strings.h>

enum { HEAD_LIMIT = 1 << 20, LINE_LIMIT = 1 << 14, LARGEST_DIGITS = 15 };

void scan_start(struct scan *scan)
{
    memset(scan, 0, sizeof *scan);
}

static bool over(const struct scan *scan)
{
    return scan->state == SCAN_DONE || scan->state == SCAN_BAD;
}

static void bad(struct scan *scan)
{
    scan->state = SCAN_BAD;
}

/* The byte after the first line end at or after `from`, or 0. */
static size_t line_after(const char *data, size_t from, size_t length)
{
    const char *end = from < length ? memchr(data + from, '\n', length - from) : NULL;
    return end ? (size_t)(end - data) + 1 : 0;
}

static bool is_named(const char *line, size_t length, const char *name)
{
    size_t size = strlen(name);
    return length > size && line[size] == ':' && strncasecmp(line, name, size) == 0;
}

static bool mentions(const char *line, size_t length, const char *word)
{
    size_t size = strlen(word);
    for (size_t i = 0; i + size <= length; i++)
        if (strncasecmp(line + i, word, size) == 0)
            return true;
    return false;
}

/* A number of digits in `base` at the start of `text`; false when there is none or it is too large. */
static bool number(const char *text, size_t length, unsigned base, uint64_t *value, size_t *used)
{
    *value = 0;
    size_t i = 0;
    for (; i < length; i++) {
        unsigned char c = (unsigned char)text[i];
        unsigned digit = c - '0';
        if (digit > 9 && base == 16)
            digit = (unsigned)((c | 0x20) - 'a' + 10) < 16 && (c | 0x20) >= 'a' ? (unsigned)((c | 0x20) - 'a' + 10) : 99;
        if (digit >= base)
            break;
        if (i >= LARGEST_DIGITS)
            return false;
        *value = *value * base + digit;
    }
    *used = i;
    return i > 0;
}

struct head {
    int status;
    bool chunked, sized, close, keep;
    uint64_t length;
};

static bool read_length(const char *line, size_t length, struct head *head)
{
    size_t at = strlen("content-length:"), used;
    uint64_t value;
    while (at < length && (line[at] == ' ' || line[at] == '\t'))
        at++;
    if (!number(line + at, length - at, 10, &value, &used))
        return false;
    at += used;
    while (at < length && (line[at] == ' ' || line[at] == '\t'))
        at++;
    if (at != length || head->sized)
        return false;
    head->sized = true;
    head->length = value;
    return true;
}

static bool read_header(const char *line, size_t length, struct head *head)
{
    if (is_named(line, length, "content-length"))
        return read_length(line, length, head);
    if (is_named(line, length, "transfer-encoding"))
        head->chunked |= mentions(line, length, "chunked");
    else if (is_named(line, length, "connection")) {
        head->close |= mentions(line, length, "close");
        head->keep |= mentions(line, length, "keep-alive");
    }
    return true;
}

/* Read the head that ends before `end`; false when it is not one. */
static bool read_head(const char *data, size_t begin, size_t end, struct head *head)
{
    const char *line = data + begin;
    if (end - begin < 14 || memcmp(line, "HTTP/1.", 7) != 0 || line[8] != ' ')
        return false;
    bool old = line[7] == '0';
    for (int i = 9; i < 12; i++) {
        if (line[i] < '0' || line[i] > '9')
            return false;
        head->status = head->status * 10 + (line[i] - '0');
    }
    size_t at = line_after(data, begin, end);
    while (at && at < end) {
        size_t after = line_after(data, at, end);
        size_t stop = after ? after - 1 : end;
        if (stop == at || data[stop - 1] != '\r')
            return false;
        if (!read_header(data + at, stop - 1 - at, head))
            return false;
        at = after;
    }
    if (old && !head->keep)
        head->close = true;
    return true;
}

static void begin_body(struct scan *scan, const struct head *head)
{
    scan->keep_alive = !head->close;
    if (head->chunked && head->sized)
        bad(scan);
    else if (head->status == 204 || head->status == 304)
        scan->state = SCAN_DONE;
    else if (head->chunked)
        scan->state = SCAN_CHUNK_SIZE;
    else if (head->sized) {
        scan->left = head->length;
        scan->state = head->length ? SCAN_LENGTH : SCAN_DONE;
    } else {
        scan->keep_alive = false;
        scan->state = SCAN_UNTIL_CLOSE;
    }
    scan->begin = scan->next;
}

/* Step over a head once its empty line is there. */
static bool step_head(struct scan *scan, const char *data, size_t length)
{
    static const char start[] = "HTTP/1.";
    size_t known = length - scan->begin < 7 ? length - scan->begin : 7;
    if (memcmp(data + scan->begin, start, known) != 0 || length - scan->begin > HEAD_LIMIT) {
        bad(scan);
        return true;
    }
    for (;;) {
        size_t after = line_after(data, scan->next, length);
        if (!after)
            return false;
        bool empty = after - scan->next == 2 && data[scan->next] == '\r';
        if (after - scan->next == 1) {
            bad(scan);
            return true;
        }
        size_t end = scan->next;
        scan->next = after;
        if (!empty)
            continue;
        struct head head = {0};
        if (end == scan->begin || !read_head(data, scan->begin, end, &head) || head.status == 101) {
            bad(scan);
        } else if (head.status < 200) {
            scan->begin = after; /* an interim answer: the real one follows */
        } else {
            begin_body(scan, &head);
        }
        return true;
    }
}

/* Step over the line of a chunk's size once it is whole. */
static bool step_size(struct scan *scan, const char *data, size_t length)
{
    size_t after = line_after(data, scan->begin, length), used;
    uint64_t size;
    if (!after) {
        if (length - scan->begin > LINE_LIMIT)
            bad(scan);
        scan->next = length;
        return over(scan);
    }
    size_t line = after - 1 - scan->begin;
    if (line == 0 || data[after - 2] != '\r' || !number(data + scan->begin, line, 16, &size, &used) ||
        (used != line - 1 && data[scan->begin + used] != ';' && data[scan->begin + used] != ' ')) {
        bad(scan);
        return true;
    }
    scan->next = scan->begin = after;
    scan->left = size + 2;
    scan->state = size ? SCAN_CHUNK_DATA : SCAN_TRAILER;
    return true;
}

static bool step_trailer(struct scan *scan, const char *data, size_t length)
{
    size_t after = line_after(data, scan->begin, length);
    if (!after) {
        if (length - scan->begin > HEAD_LIMIT)
            bad(scan);
        scan->next = length;
        return over(scan);
    }
    if (after - scan->begin < 2 || data[after - 2] != '\r')
        bad(scan);
    else if (after - scan->begin == 2)
        scan->state = SCAN_DONE;
    scan->next = scan->begin = after;
    return true;
}

/* Step over bytes that need no look. */
static bool step_bytes(struct scan *scan, const char *data, size_t length)
{
    uint64_t there = length - scan->next;
    if (there < scan->left) {
        scan->left -= there;
        scan->next = length;
        return false;
    }
    scan->next += (size_t)scan->left;
    scan->left = 0;
    scan->begin = scan->next;
    if (scan->state == SCAN_LENGTH)
        scan->state = SCAN_DONE;
    else if (data[scan->next - 2] != '\r' || data[scan->next - 1] != '\n')
        bad(scan);
    else
        scan->state = SCAN_CHUNK_SIZE;
    return true;
}

bool scan_feed(struct scan *scan, const char *data, size_t length)
{
    bool moved = true;
    while (moved && !over(scan) && scan->next < length) {
        switch (scan->state) {
        case SCAN_HEAD:
            moved = step_head(scan, data, length);
            break;
        case SCAN_CHUNK_SIZE:
            moved = step_size(scan, data, length);
            break;
        case SCAN_TRAILER:
            moved = step_trailer(scan, data, length);
            break;
        case SCAN_LENGTH:
        case SCAN_CHUNK_DATA:
            moved = step_bytes(scan, data, length);
            break;
        default:
            scan->next = length;
            moved = false;
        }
    }
    if (scan->state == SCAN_DONE && scan->next < length)
        scan->keep_alive = false; /* bytes after the answer: nothing that follows could be trusted */
    return over(scan);
}

/* Random and half-valid bytes in random pieces through the scanner, in blocks of exactly their size. */
#include "scan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static unsigned next(unsigned *seed)
{
    return *seed = *seed * 1664525u + 1013904223u;
}

static const char *const WORDS[] = {
    "HTTP/1.1 200 OK\r\n", "HTTP/1.0 404 No\r\n", "HTTP/1.1 100 C\r\n\r\n", "Content-Length: 5\r\n",
    "Content-Length:\r\n", "Transfer-Encoding: chunked\r\n", "Connection: close\r\n", "\r\n", "\n", "\r",
    "0\r\n\r\n", "5\r\nhello\r\n", "5;a=b\r\nhello\r\n", "ffffffffffffffff\r\n", "hello", "0", ":", " ", "",
};

int main(int count, char **arguments)
{
    unsigned rounds = count > 1 ? (unsigned)atoi(arguments[1]) : 100000, seed = 7, over = 0;
    for (unsigned round = 0; round < rounds; round++) {
        struct scan scan;
        scan_start(&scan);
        char *all = NULL;
        size_t length = 0;
        unsigned pieces = next(&seed) % 12;
        for (unsigned i = 0; i < pieces; i++) {
            char noise[8];
            const char *piece = WORDS[(next(&seed) >> 8) % (sizeof WORDS / sizeof *WORDS)];
            size_t size = strlen(piece);
            if ((next(&seed) >> 8) % 6 == 0) {
                size = (next(&seed) >> 8) % sizeof noise;
                for (size_t j = 0; j < size; j++)
                    noise[j] = (char)(next(&seed) >> 16);
                piece = noise;
            }
            char *more = malloc(length + size + 1);
            if (length)
                memcpy(more, all, length);
            memcpy(more + length, piece, size);
            free(all);
            length += size;
            all = realloc(more, length ? length : 1);
            if (scan_feed(&scan, all, length)) {
                over++;
                break;
            }
        }
        free(all);
    }
    printf("%u of %u ended\n", over, rounds);
    return over > rounds / 100 ? 0 : 1;
}

/* libexpat with namespaces over a file in chunks: expat FILE CHUNK ROUNDS. Prints megabytes a second.
 * Handlers are set, because it skips work for those that are not, and they do nothing. */
#include <expat.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static void start(void *data, const XML_Char *name, const XML_Char **attributes) {
    (void)data, (void)name, (void)attributes;
}

static void end(void *data, const XML_Char *name) { (void)data, (void)name; }

static void text(void *data, const XML_Char *text, int len) { (void)data, (void)text, (void)len; }

int main(int argc, char **argv) {
    if (argc != 4) return 2;
    FILE *file = fopen(argv[1], "rb");
    if (!file || fseek(file, 0, SEEK_END)) return 1;
    long size = ftell(file), chunk = atol(argv[2]), rounds = atol(argv[3]);
    char *bytes = malloc((size_t)size);
    rewind(file);
    if (!bytes || fread(bytes, 1, (size_t)size, file) != (size_t)size) return 1;

    double best = 0;
    for (long round = 0; round < rounds; round++) {
        struct timespec from, to;
        clock_gettime(CLOCK_MONOTONIC, &from);
        XML_Parser parser = XML_ParserCreateNS(NULL, '\n');
        XML_SetElementHandler(parser, start, end);
        XML_SetCharacterDataHandler(parser, text);
        for (long at = 0; at < size; at += chunk) {
            int len = (int)(size - at < chunk ? size - at : chunk);
            if (XML_Parse(parser, bytes + at, len, 0) != XML_STATUS_OK) return 1;
        }
        XML_ParserFree(parser);
        clock_gettime(CLOCK_MONOTONIC, &to);
        double seconds = (double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) / 1e9;
        if ((double)size / seconds / 1e6 > best) best = (double)size / seconds / 1e6;
    }
    printf("%.1f\n", best);
    return 0;
}

// Lets a test decide what becomes of writes to files of a log, by files in the folder SSEKIT_TEST_FAULTS:
//
// hold      syncing the data waits until this is gone, and makes `held` when it begins to
// fail      syncing the data fails
// fail_all  syncing anything fails
// full      each write writes a half, and the next one finds no room

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void path_of(char *path, size_t size, const char *name) {
    snprintf(path, size, "%s/%s", getenv("SSEKIT_TEST_FAULTS"), name);
}

static int has(const char *name) {
    char path[4096];
    path_of(path, sizeof path, name);
    return access(path, F_OK) == 0;
}

static int is_log(int file) {
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, sizeof path);
    return length > 4 && memcmp(path + length - 4, ".log", 4) == 0;
}

int fdatasync(int file) {
    int (*sync)(int) = dlsym(RTLD_NEXT, "fdatasync");
    if (is_log(file)) {
        if (has("hold")) {
            char path[4096];
            path_of(path, sizeof path, "held");
            close(open(path, O_CREAT | O_WRONLY, 0600));
            while (has("hold")) usleep(1000);
        }
        if (has("fail") || has("fail_all")) {
            errno = EIO;
            return -1;
        }
    }
    return sync(file);
}

int fsync(int file) {
    int (*sync)(int) = dlsym(RTLD_NEXT, "fsync");
    if (is_log(file) && has("fail_all")) {
        errno = EIO;
        return -1;
    }
    return sync(file);
}

ssize_t write(int file, const void *bytes, size_t length) {
    static int is_half;
    ssize_t (*real)(int, const void *, size_t) = dlsym(RTLD_NEXT, "write");
    if (is_log(file) && has("full")) {
        is_half = !is_half;
        if (!is_half) {
            errno = ENOSPC;
            return -1;
        }
        length = length / 2 + 1;
    }
    return real(file, bytes, length);
}

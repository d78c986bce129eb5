// Records what becomes of the files of logs in folders with `/under-fire/` in their paths, and makes calls fail.
//
// Each call that changes a file or the folder appends a record to the file `journal` of the folder, once it is done:
//
// C <name> <inode>              a file was created
// W <inode> <offset> <length>   and, after the line, as many bytes: they were written
// T <inode> <length>            a file was cut
// S <inode>, F <inode>          a sync succeeded, or failed
// D, E                          a sync of the folder succeeded, or failed
// R <old> <new>, U <name>       a file was renamed, or removed
//
// While the folder has a file `faults`, calls fail at random, by a seed that the name of the folder is hashed to.
// Nothing is synced in truth. Nor is it in folders with `/not-synced/` in their paths.

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char seeded_for[4096];
static uint64_t random_state;

static uint64_t draw(void) {
    random_state += 0x9E3779B97F4A7C15u;
    uint64_t word = random_state;
    word = (word ^ (word >> 30)) * 0xBF58476D1CE4E5B9u;
    word = (word ^ (word >> 27)) * 0x94D049BB133111EBu;
    return word ^ (word >> 31);
}

// The folder of a path, if it is one of those. `is_folder` says that the path is that of the folder itself.
static int folder_of(const char *path, int is_folder, char *folder) {
    if (!strstr(path, "/under-fire/")) return 0;
    snprintf(folder, 4096, "%s", path);
    if (is_folder) return 1;
    char *name = strrchr(folder, '/');
    size_t length = strlen(name);
    if (strcmp(name, "/new") != 0 && (length < 4 || strcmp(name + length - 4, ".log") != 0)) return 0;
    *name = 0;
    return 1;
}

static int path_of(int file, char *path) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, 4095);
    if (length < 0) return 0;
    path[length] = 0;
    return 1;
}

// Whether a call is to fail, with `errno` set. The lock must be held.
static int fails(const char *folder, unsigned percent) {
    char path[4200];
    snprintf(path, sizeof path, "%s/faults", folder);
    if (access(path, F_OK) != 0) {
        errno = 0;
        return 0;
    }
    if (strcmp(seeded_for, folder) != 0) {
        snprintf(seeded_for, sizeof seeded_for, "%s", folder);
        random_state = 0;
        for (const char *at = strstr(folder, "/under-fire/"); *at; at++) random_state = random_state * 31 + (unsigned char)*at;
    }
    if (draw() % 64 == 0) usleep(300);
    if (draw() % 100 >= percent) return 0;
    errno = draw() % 2 ? EIO : ENOSPC;
    return 1;
}

static ssize_t real_write(int file, const void *bytes, size_t length) {
    static ssize_t (*real)(int, const void *, size_t);
    if (!real) real = dlsym(RTLD_NEXT, "write");
    return real(file, bytes, length);
}

static int real_open(const char *path, int flags, mode_t mode) {
    static int (*real)(const char *, int, ...);
    if (!real) real = dlsym(RTLD_NEXT, "open64");
    return real(path, flags, mode);
}

static void record(const char *folder, const char *line, const void *bytes, size_t length) {
    char path[4200], whole[1 << 16];
    snprintf(path, sizeof path, "%s/journal", folder);
    int file = real_open(path, O_WRONLY | O_APPEND | O_CREAT, 0600);
    size_t head = strlen(line);
    memcpy(whole, line, head);
    if (head + length > sizeof whole) abort();
    if (length > 0) memcpy(whole + head, bytes, length);
    // In one write, as others append to it as well.
    if (real_write(file, whole, head + length) < 0) abort();
    close(file);
}

static unsigned long inode_of(int file) {
    struct stat status;
    fstat(file, &status);
    return status.st_ino;
}

static int opened(const char *path, int flags, mode_t mode) {
    char folder[4096], line[4096];
    if (!(flags & O_CREAT) || !folder_of(path, 0, folder)) return real_open(path, flags, mode);
    pthread_mutex_lock(&lock);
    int file = fails(folder, 3) ? -1 : real_open(path, flags, mode);
    if (file >= 0) {
        snprintf(line, sizeof line, "C %s %lu\n", strrchr(path, '/') + 1, inode_of(file));
        record(folder, line, NULL, 0);
    }
    pthread_mutex_unlock(&lock);
    return file;
}

int open(const char *path, int flags, ...) {
    va_list rest;
    va_start(rest, flags);
    mode_t mode = flags & O_CREAT ? va_arg(rest, mode_t) : 0;
    va_end(rest);
    return opened(path, flags, mode);
}

// Where offsets have 64 bits, both names stand for one call.
int open64(const char *path, int flags, ...) __attribute__((alias("open")));

ssize_t write(int file, const void *bytes, size_t length) {
    char path[4096], folder[4096], line[256];
    if (!path_of(file, path) || !folder_of(path, 0, folder)) return real_write(file, bytes, length);
    pthread_mutex_lock(&lock);
    ssize_t written = -1;
    // A part, and then nothing: the caller writes the rest with the next call.
    if (fails(folder, 6)) length = draw() % 2 && length > 1 ? length / 2 : 0;
    if (length > 0) {
        if (length > 32768) length = 32768;
        struct stat status;
        fstat(file, &status);
        long long at = fcntl(file, F_GETFL) & O_APPEND ? status.st_size : lseek(file, 0, SEEK_CUR);
        written = real_write(file, bytes, length);
        if (written > 0) {
            snprintf(line, sizeof line, "W %lu %lld %zd\n", inode_of(file), at, written);
            record(folder, line, bytes, written);
        }
    } else if (!errno) {
        errno = EIO;
    }
    pthread_mutex_unlock(&lock);
    return written;
}

static int synced(int file, int (*real)(int)) {
    char path[4096], folder[4096], line[256];
    struct stat status;
    if (!path_of(file, path)) return real(file);
    if (strstr(path, "/not-synced/")) return 0;
    fstat(file, &status);
    int is_folder = S_ISDIR(status.st_mode);
    if (!folder_of(path, is_folder, folder)) return real(file);
    pthread_mutex_lock(&lock);
    int failed = fails(folder, 8);
    if (failed) errno = EIO;
    int error = errno;
    if (is_folder) snprintf(line, sizeof line, failed ? "E\n" : "D\n");
    else snprintf(line, sizeof line, "%c %lu\n", failed ? 'F' : 'S', (unsigned long)status.st_ino);
    record(folder, line, NULL, 0);
    errno = error;
    pthread_mutex_unlock(&lock);
    return failed ? -1 : 0;
}

int fsync(int file) { return synced(file, dlsym(RTLD_NEXT, "fsync")); }

int fdatasync(int file) { return synced(file, dlsym(RTLD_NEXT, "fdatasync")); }

int ftruncate64(int file, off64_t length) {
    int (*real)(int, off64_t) = dlsym(RTLD_NEXT, "ftruncate64");
    char path[4096], folder[4096], line[256];
    if (!path_of(file, path) || !folder_of(path, 0, folder)) return real(file, length);
    pthread_mutex_lock(&lock);
    int result = fails(folder, 8) ? -1 : real(file, length);
    if (result == 0) {
        snprintf(line, sizeof line, "T %lu %lld\n", inode_of(file), (long long)length);
        record(folder, line, NULL, 0);
    }
    pthread_mutex_unlock(&lock);
    return result;
}

int rename(const char *from, const char *to) {
    int (*real)(const char *, const char *) = dlsym(RTLD_NEXT, "rename");
    char folder[4096], line[8192];
    if (!folder_of(from, 0, folder)) return real(from, to);
    pthread_mutex_lock(&lock);
    int result = fails(folder, 5) ? -1 : real(from, to);
    if (result == 0) {
        snprintf(line, sizeof line, "R %s %s\n", strrchr(from, '/') + 1, strrchr(to, '/') + 1);
        record(folder, line, NULL, 0);
    }
    pthread_mutex_unlock(&lock);
    return result;
}

int unlink(const char *path) {
    int (*real)(const char *) = dlsym(RTLD_NEXT, "unlink");
    char folder[4096], line[8192];
    if (!folder_of(path, 0, folder)) return real(path);
    pthread_mutex_lock(&lock);
    int result = fails(folder, 8) ? -1 : real(path);
    if (result == 0) {
        snprintf(line, sizeof line, "U %s\n", strrchr(path, '/') + 1);
        record(folder, line, NULL, 0);
    }
    pthread_mutex_unlock(&lock);
    return result;
}

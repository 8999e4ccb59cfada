/*
 * One stage of a copy, alone, by the plainest means: what the machine gives at most. Prints seconds.
 *
 *   ceiling read FILE BLOCK            read FILE by read(2)
 *   ceiling write FILE BYTES BLOCK     create FILE by write(2)
 *   ceiling socket BYTES BLOCK         one loopback connection between two processes
 *   ceiling chain FROM TO BLOCK        read -> socket -> write by two processes
 *   ceiling place FOLDER FILES THREADS create, write 4 KiB, futimens and close, a directory a thread
 *
 * Everything is allocated and touched before the clock starts.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <err.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec / 1e9;
}

static char *block_of(size_t bytes) {
  char *block = aligned_alloc(4096, (bytes + 4095) / 4096 * 4096);
  if (!block) errx(1, "no memory for a block of %zu bytes", bytes);
  for (size_t i = 0; i < bytes; i++) block[i] = (char)(i * 31);
  return block;
}

static size_t number(const char *text) {
  char *end;
  unsigned long long value = strtoull(text, &end, 10);
  if (*end || value == 0) errx(2, "\"%s\" is not a positive number", text);
  return value;
}

static int open_or_fail(const char *path, int flags) {
  int fd = open(path, flags, 0644);
  if (fd < 0) err(1, "cannot open %s", path);
  return fd;
}

static void write_all(int fd, const char *from, size_t bytes) {
  while (bytes > 0) {
    ssize_t count = write(fd, from, bytes);
    if (count <= 0) err(1, "cannot write");
    from += count;
    bytes -= count;
  }
}

/* Fills the block, or stops at the end of the stream. */
static size_t read_block(int fd, char *to, size_t bytes) {
  size_t have = 0;
  while (have < bytes) {
    ssize_t count = read(fd, to + have, bytes - have);
    if (count < 0) err(1, "cannot read");
    if (count == 0) break;
    have += count;
  }
  return have;
}

static double stage_read(const char *path, size_t block_bytes) {
  char *block = block_of(block_bytes);
  int fd = open_or_fail(path, O_RDONLY);
  double began = now();
  while (read_block(fd, block, block_bytes) == block_bytes) {}
  return now() - began;
}

static double stage_write(const char *path, size_t bytes, size_t block_bytes) {
  char *block = block_of(block_bytes);
  double began = now();
  int fd = open_or_fail(path, O_WRONLY | O_CREAT | O_EXCL);
  for (size_t left = bytes; left > 0;) {
    size_t count = left < block_bytes ? left : block_bytes;
    write_all(fd, block, count);
    left -= count;
  }
  if (close(fd)) err(1, "cannot close %s", path);
  return now() - began;
}

static char *child_block;

/* A loopback connection between this process (the sending end) and a child that runs `take`. */
static pid_t receiving_child(int *connection, void (*take)(int, const char *, size_t), const char *path,
                             size_t block_bytes) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t length = sizeof address;
  int listener = socket(AF_INET, SOCK_STREAM, 0);
  if (listener < 0 || bind(listener, (void *)&address, length) || listen(listener, 1) ||
      getsockname(listener, (void *)&address, &length))
    err(1, "cannot listen");
  int ready[2];
  if (pipe(ready)) err(1, "cannot make a pipe");
  pid_t child = fork();
  if (child < 0) err(1, "cannot fork");
  if (child == 0) {
    int fd = accept(listener, NULL, NULL);
    if (fd < 0) err(1, "cannot accept");
    /* The block is shared with the parent until one of them writes to it: paid before the clock starts. */
    memset(child_block, 1, block_bytes);
    write_all(ready[1], "r", 1);
    take(fd, path, block_bytes);
    _exit(0);
  }
  *connection = socket(AF_INET, SOCK_STREAM, 0);
  if (connect(*connection, (void *)&address, length)) err(1, "cannot connect");
  char byte;
  if (read(ready[0], &byte, 1) != 1) err(1, "the receiving process is gone");
  return child;
}

static void end_child(pid_t child, int connection) {
  int status;
  if (shutdown(connection, SHUT_WR)) err(1, "cannot shut the connection down");
  if (waitpid(child, &status, 0) < 0 || status != 0) errx(1, "the receiving process failed");
}

static void take_and_drop(int fd, const char *path, size_t block_bytes) {
  (void)path;
  while (read_block(fd, child_block, block_bytes) > 0) {}
}

static void take_to_file(int fd, const char *path, size_t block_bytes) {
  int file = open_or_fail(path, O_WRONLY | O_CREAT | O_EXCL);
  size_t count;
  while ((count = read_block(fd, child_block, block_bytes)) > 0) write_all(file, child_block, count);
  if (close(file)) err(1, "cannot close %s", path);
}

static double stage_socket(size_t bytes, size_t block_bytes) {
  char *block = child_block = block_of(block_bytes);
  int connection;
  pid_t child = receiving_child(&connection, take_and_drop, NULL, block_bytes);
  double began = now();
  for (size_t left = bytes; left > 0;) {
    size_t count = left < block_bytes ? left : block_bytes;
    write_all(connection, block, count);
    left -= count;
  }
  end_child(child, connection);
  return now() - began;
}

static double stage_chain(const char *from, const char *to, size_t block_bytes) {
  char *block = child_block = block_of(block_bytes);
  int file = open_or_fail(from, O_RDONLY);
  int connection;
  pid_t child = receiving_child(&connection, take_to_file, to, block_bytes);
  double began = now();
  size_t count;
  while ((count = read_block(file, block, block_bytes)) > 0) write_all(connection, block, count);
  end_child(child, connection);
  return now() - began;
}

struct placing {
  pthread_t thread;
  int folder;
  size_t files;
};

static void *place(void *argument) {
  struct placing *self = argument;
  char content[4096], name[32];
  memset(content, 7, sizeof content);
  struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = 1700000000, .tv_nsec = 5}};
  for (size_t i = 0; i < self->files; i++) {
    snprintf(name, sizeof name, "file-%zu", i);
    int fd = openat(self->folder, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0644);
    if (fd < 0) err(1, "cannot create %s", name);
    write_all(fd, content, sizeof content);
    if (futimens(fd, times) || close(fd)) err(1, "cannot finish %s", name);
  }
  return NULL;
}

static double stage_place(const char *folder, size_t files, size_t threads) {
  struct placing *all = calloc(threads, sizeof *all);
  if (!all) errx(1, "no memory for %zu threads", threads);
  for (size_t t = 0; t < threads; t++) {
    char path[4096];
    snprintf(path, sizeof path, "%s/t%zu", folder, t);
    if (mkdir(path, 0755)) err(1, "cannot make %s", path);
    all[t].folder = open_or_fail(path, O_RDONLY | O_DIRECTORY);
    all[t].files = files / threads + (t < files % threads);
  }
  double began = now();
  for (size_t t = 0; t < threads; t++)
    if (pthread_create(&all[t].thread, NULL, place, &all[t])) errx(1, "cannot start a thread");
  for (size_t t = 0; t < threads; t++) pthread_join(all[t].thread, NULL);
  return now() - began;
}

int main(int argc, char **argv) {
  const char *stage = argc > 1 ? argv[1] : "";
  double seconds;
  if (!strcmp(stage, "read") && argc == 4) {
    seconds = stage_read(argv[2], number(argv[3]));
  } else if (!strcmp(stage, "write") && argc == 5) {
    seconds = stage_write(argv[2], number(argv[3]), number(argv[4]));
  } else if (!strcmp(stage, "socket") && argc == 4) {
    seconds = stage_socket(number(argv[2]), number(argv[3]));
  } else if (!strcmp(stage, "chain") && argc == 5) {
    seconds = stage_chain(argv[2], argv[3], number(argv[4]));
  } else if (!strcmp(stage, "place") && argc == 5) {
    seconds = stage_place(argv[2], number(argv[3]), number(argv[4]));
  } else {
    errx(2, "usage: ceiling read|write|socket|chain|place ...; see the top of ceiling.c");
  }
  printf("%.6f\n", seconds);
  return 0;
}

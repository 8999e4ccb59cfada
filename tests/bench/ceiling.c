/*
 * One stage of a copy, alone, by the plainest means: what the machine gives at most. Prints seconds.
 *
 *   ceiling read FILE BLOCK            read FILE by read(2)
 *   ceiling write FILE BYTES BLOCK     create FILE by write(2)
 *   ceiling socket BYTES BLOCK         one loopback connection between two processes
 *   ceiling chain FROM TO BLOCK        read -> socket -> write by two processes
 *   ceiling pread FILE BLOCK OFFSET    read FILE by pread(2), always to the place OFFSET bytes behind a page
 *   ceiling recv BYTES BLOCK OFFSET    one loopback connection, each recv(2) to such a place
 *   ceiling send BYTES BLOCK OFFSET    one loopback connection, each send(2) from such a place
 *   ceiling place FOLDER FILES THREADS create, write 4 KiB, futimens and close, a directory a thread
 *   ceiling gather FOLDER THREADS      list the directories in FOLDER and lstat what they hold, then open,
 *                                      read whole and close each file once, by THREADS threads
 *
 * Everything is allocated and touched before the clock starts, except the list that gather makes.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dirent.h>
#include <err.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
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

static size_t whole_number(const char *text) {
  char *end;
  unsigned long long value = strtoull(text, &end, 10);
  if (*end || end == text) errx(2, "\"%s\" is not a number", text);
  return value;
}

static size_t number(const char *text) {
  size_t value = whole_number(text);
  if (value == 0) errx(2, "0 is not a positive number");
  return value;
}

/* A block that begins so many bytes behind a page. */
static char *block_at(size_t bytes, size_t offset) { return block_of(bytes + offset) + offset; }

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

/* What each call brings goes to the same place, unlike what fills a block. */
static double stage_pread(const char *path, size_t block_bytes, size_t offset) {
  char *block = block_at(block_bytes, offset);
  int fd = open_or_fail(path, O_RDONLY);
  double began = now();
  ssize_t count;
  for (off_t at = 0; (count = pread(fd, block, block_bytes, at)) != 0; at += count)
    if (count < 0) err(1, "cannot read %s", path);
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

static void take_to_one_place(int fd, const char *path, size_t block_bytes) {
  (void)path;
  ssize_t count;
  while ((count = recv(fd, child_block, block_bytes, 0)) != 0)
    if (count < 0) err(1, "cannot receive");
}

static double stage_socket(size_t bytes, size_t block_bytes, void (*take)(int, const char *, size_t),
                           const char *block) {
  int connection;
  pid_t child = receiving_child(&connection, take, NULL, block_bytes);
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

/* A file that gather has seen. */
struct seen {
  int folder;
  char *name;
  size_t bytes;
};

static struct seen *seen;
static size_t seen_count, seen_room;
static atomic_size_t next_seen;

/* Lists a directory, and enters those in it if asked to; what is neither directory nor file is passed over. */
static void list(int folder, int enter) {
  DIR *directory = fdopendir(dup(folder));
  if (!directory) err(1, "cannot list a directory");
  struct dirent *entry;
  while ((entry = readdir(directory))) {
    if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..")) continue;
    struct stat status;
    if (fstatat(folder, entry->d_name, &status, AT_SYMLINK_NOFOLLOW))
      err(1, "cannot look at %s", entry->d_name);
    if (S_ISDIR(status.st_mode) && enter) {
      int inner = openat(folder, entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
      if (inner < 0) err(1, "cannot open %s", entry->d_name);
      list(inner, 0);
    } else if (S_ISREG(status.st_mode)) {
      if (seen_count == seen_room) {
        seen_room = seen_room ? 2 * seen_room : 4096;
        seen = realloc(seen, seen_room * sizeof *seen);
      }
      char *name = strdup(entry->d_name);
      if (!seen || !name) errx(1, "no memory for %zu files", seen_count);
      seen[seen_count++] = (struct seen){folder, name, status.st_size};
    }
  }
  closedir(directory);
}

struct gathering {
  pthread_t thread;
  char *block;
};

static const size_t gather_block_bytes = 256 * 1024;

static void *gather(void *argument) {
  struct gathering *self = argument;
  size_t i;
  while ((i = atomic_fetch_add(&next_seen, 1)) < seen_count) {
    int fd = openat(seen[i].folder, seen[i].name, O_RDONLY | O_NOFOLLOW);
    if (fd < 0) err(1, "cannot open %s", seen[i].name);
    for (size_t left = seen[i].bytes; left > 0;) {
      ssize_t count = read(fd, self->block, left < gather_block_bytes ? left : gather_block_bytes);
      if (count < 0) err(1, "cannot read %s", seen[i].name);
      if (count == 0) errx(1, "%s has become shorter", seen[i].name);
      left -= count;
    }
    if (close(fd)) err(1, "cannot close %s", seen[i].name);
  }
  return NULL;
}

static double stage_gather(const char *folder, size_t threads) {
  struct gathering *all = calloc(threads, sizeof *all);
  if (!all) errx(1, "no memory for %zu threads", threads);
  for (size_t t = 0; t < threads; t++) all[t].block = block_of(gather_block_bytes);
  double began = now();
  list(open_or_fail(folder, O_RDONLY | O_DIRECTORY), 1);
  if (seen_count == 0) errx(1, "there are no files in %s", folder);
  for (size_t t = 0; t < threads; t++)
    if (pthread_create(&all[t].thread, NULL, gather, &all[t])) errx(1, "cannot start a thread");
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
    child_block = block_of(number(argv[3]));
    seconds = stage_socket(number(argv[2]), number(argv[3]), take_and_drop, child_block);
  } else if (!strcmp(stage, "pread") && argc == 5) {
    seconds = stage_pread(argv[2], number(argv[3]), whole_number(argv[4]));
  } else if (!strcmp(stage, "recv") && argc == 5) {
    child_block = block_at(number(argv[3]), whole_number(argv[4]));
    seconds = stage_socket(number(argv[2]), number(argv[3]), take_to_one_place, block_of(number(argv[3])));
  } else if (!strcmp(stage, "send") && argc == 5) {
    child_block = block_of(number(argv[3]));
    seconds = stage_socket(number(argv[2]), number(argv[3]), take_to_one_place,
                           block_at(number(argv[3]), whole_number(argv[4])));
  } else if (!strcmp(stage, "chain") && argc == 5) {
    seconds = stage_chain(argv[2], argv[3], number(argv[4]));
  } else if (!strcmp(stage, "place") && argc == 5) {
    seconds = stage_place(argv[2], number(argv[3]), number(argv[4]));
  } else if (!strcmp(stage, "gather") && argc == 4) {
    seconds = stage_gather(argv[2], number(argv[3]));
  } else {
    errx(2, "usage: ceiling read|write|socket|chain|pread|recv|send|place|gather ...; see the top of ceiling.c");
  }
  printf("%.6f\n", seconds);
  return 0;
}

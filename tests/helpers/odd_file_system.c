/* A file system of FUSE that passes everything on to a folder, and refuses or bends what a test names.
 *
 *   odd_file_system FOLDER MOUNT FEATURE,FEATURE...
 *
 * Features, each as a real file system has it:
 *   flush=E, fsync=E, chmod=E, utimens=E, flock=E, link=E, symlink=E, fallocate=E, mkdir=E
 *                  the call fails with this error (EIO, ENOSPC, EDQUOT, EPERM, ENOSYS, EOPNOTSUPP); a path that
 *                  holds "keep" is spared
 *   write=E        the same, from byte 65536 of a file on
 *   plain-rename   RENAME_NOREPLACE and RENAME_EXCHANGE are EINVAL (libfuse 2, NTFS)
 *   both-times     an mtime without an atime is dropped, and nobody is told (libfuse 2)
 *   size-0         files called doc* have size 0 in stat, and content (/proc)
 *   fold-case      names that differ in the case of ASCII letters are one (exFAT, APFS, casefold)
 *   renumber       the inode number of a path is another one each time that somebody looks (FUSE under memory pressure)
 *   own-modes      every mode is 0777, whatever was asked for, and nobody is told (exFAT, NTFS, CIFS)
 *   deaf-chmod     a mode is what it was when the entry was made, whatever chmod asks for, and nobody is told
 *   own-times      a time is that of the last change, whatever was asked for, and nobody is told
 *   short-names    names of more than 143 bytes are ENAMETOOLONG (eCryptfs)
 */
#define FUSE_USE_VERSION 31
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fuse.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

static int root;
static char *features;

static int has(const char *name) {
  size_t length = strlen(name);
  for (const char *at = features; (at = strstr(at, name)); at++)
    if ((at == features || at[-1] == ',') && (at[length] == 0 || at[length] == ',')) return 1;
  return 0;
}

/* The error that a feature gives a call, negative; 0 where it may go on. */
static int refusal(const char *call, const char *path) {
  static const struct { const char *name; int number; } errors[] = {
      {"EIO", EIO}, {"ENOSPC", ENOSPC}, {"EDQUOT", EDQUOT}, {"EPERM", EPERM},
      {"ENOSYS", ENOSYS}, {"EOPNOTSUPP", EOPNOTSUPP}, {"EROFS", EROFS}, {"EACCES", EACCES}};
  if (path && strstr(path, "keep")) return 0;
  char wanted[64];
  for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
    snprintf(wanted, sizeof wanted, "%s=%s", call, errors[i].name);
    if (has(wanted)) return -errors[i].number;
  }
  return 0;
}

/* The path below the folder; with fold-case, each component as it is there already. */
static const char *below(const char *path, char *memory) {
  path = path[1] ? path + 1 : ".";
  if (!has("fold-case")) return path;
  memory[0] = 0;
  size_t done = 0;
  while (*path) {
    size_t length = strcspn(path, "/");
    int directory = openat(root, done ? memory : ".", O_RDONLY | O_DIRECTORY);
    if (done) memory[done++] = '/';
    memcpy(memory + done, path, length);
    memory[done + length] = 0;
    DIR *listing = directory < 0 ? NULL : fdopendir(directory);
    for (struct dirent *entry; listing && (entry = readdir(listing));)
      if (strlen(entry->d_name) == length && !strncasecmp(entry->d_name, path, length))
        memcpy(memory + done, entry->d_name, length);
    if (listing) closedir(listing);
    done += length;
    path += length + (path[length] == '/');
  }
  return memory;
}
#define BELOW(path) below(path, (char[PATH_MAX]){0})
#define RESULT(call) ((call) < 0 ? -errno : 0)

static const char *last(const char *path) { return strrchr(path, '/') + 1; }
static int too_long(const char *path) { return has("short-names") && strlen(last(path)) > 143; }

static void bend(const char *path, struct stat *st) {
  static ino_t next = 1000;
  if (has("size-0") && !strncmp(last(path), "doc", 3)) st->st_size = 0;
  if (has("renumber")) st->st_ino = __atomic_add_fetch(&next, 1, __ATOMIC_RELAXED);
  if (has("own-modes")) st->st_mode |= 0777;
}
static void *start(struct fuse_conn_info *connection, struct fuse_config *config) {
  (void)connection;
  config->use_ino = 1;
  config->direct_io = has("size-0");
  config->entry_timeout = config->attr_timeout = config->negative_timeout = has("fold-case") || has("renumber") ? 0 : 1;
  return NULL;
}
static int do_getattr(const char *path, struct stat *st, struct fuse_file_info *file) {
  (void)file;
  if (too_long(path)) return -ENAMETOOLONG;
  if (fstatat(root, BELOW(path), st, AT_SYMLINK_NOFOLLOW) < 0) return -errno;
  bend(path, st);
  return 0;
}
static int do_readlink(const char *path, char *text, size_t size) {
  ssize_t length = readlinkat(root, BELOW(path), text, size - 1);
  if (length < 0) return -errno;
  text[length] = 0;
  return 0;
}
static int do_readdir(const char *path, void *memory, fuse_fill_dir_t fill, off_t offset, struct fuse_file_info *file,
                      enum fuse_readdir_flags flags) {
  (void)offset, (void)file, (void)flags;
  int directory = openat(root, BELOW(path), O_RDONLY | O_DIRECTORY);
  DIR *listing = directory < 0 ? NULL : fdopendir(directory);
  if (!listing) return -errno;
  for (struct dirent *entry; (entry = readdir(listing));) {
    struct stat st = {.st_ino = entry->d_ino, .st_mode = (mode_t)entry->d_type << 12};
    if (fill(memory, entry->d_name, &st, 0, 0)) break;
  }
  closedir(listing);
  return 0;
}
static int do_mknod(const char *path, mode_t mode, dev_t device) {
  return RESULT(mknodat(root, BELOW(path), mode, device));
}
static int do_mkdir(const char *path, mode_t mode) {
  int no = refusal("mkdir", path);
  if (no) return no;
  return too_long(path) ? -ENAMETOOLONG : RESULT(mkdirat(root, BELOW(path), mode));
}
static int do_unlink(const char *path) { return RESULT(unlinkat(root, BELOW(path), 0)); }
static int do_rmdir(const char *path) { return RESULT(unlinkat(root, BELOW(path), AT_REMOVEDIR)); }
static int do_symlink(const char *text, const char *path) {
  int no = refusal("symlink", path);
  return no ? no : RESULT(symlinkat(text, root, BELOW(path)));
}
static int do_rename(const char *from, const char *to, unsigned flags) {
  if (too_long(to)) return -ENAMETOOLONG;
  if (flags && has("plain-rename")) return -EINVAL;
  return RESULT(renameat2(root, BELOW(from), root, BELOW(to), flags));
}
static int do_link(const char *from, const char *to) {
  int no = refusal("link", to);
  return no ? no : RESULT(linkat(root, BELOW(from), root, BELOW(to), 0));
}
static int do_chmod(const char *path, mode_t mode, struct fuse_file_info *file) {
  (void)file;
  int no = refusal("chmod", path);
  if (no || has("own-modes") || has("deaf-chmod")) return no;
  return RESULT(fchmodat(root, BELOW(path), mode, 0));
}
static int do_chown(const char *path, uid_t user, gid_t group, struct fuse_file_info *file) {
  (void)file;
  return RESULT(fchownat(root, BELOW(path), user, group, AT_SYMLINK_NOFOLLOW));
}
static int do_utimens(const char *path, const struct timespec times[2], struct fuse_file_info *file) {
  (void)file;
  int no = refusal("utimens", path);
  if (no) return no;
  if (has("own-times") || (has("both-times") && times[0].tv_nsec == UTIME_OMIT)) return 0;
  return RESULT(utimensat(root, BELOW(path), times, AT_SYMLINK_NOFOLLOW));
}
static int do_truncate(const char *path, off_t size, struct fuse_file_info *file) {
  if (file) return RESULT(ftruncate(file->fh, size));
  int opened = openat(root, BELOW(path), O_WRONLY);
  if (opened < 0) return -errno;
  int result = RESULT(ftruncate(opened, size));
  close(opened);
  return result;
}
static int open_file(const char *path, int flags, mode_t mode, struct fuse_file_info *file) {
  /* The kernel has followed nothing and reads for itself what is half written. */
  int opened = openat(root, BELOW(path), (flags & ~(O_NOFOLLOW | O_APPEND)) | O_CLOEXEC, mode);
  if (opened < 0) return -errno;
  file->fh = opened;
  return 0;
}
static int do_open(const char *path, struct fuse_file_info *file) {
  return open_file(path, file->flags & ~(O_CREAT | O_EXCL), 0, file);
}
static int do_create(const char *path, mode_t mode, struct fuse_file_info *file) {
  return too_long(path) ? -ENAMETOOLONG : open_file(path, file->flags | O_CREAT, mode, file);
}
static int do_read(const char *path, char *memory, size_t size, off_t offset, struct fuse_file_info *file) {
  (void)path;
  ssize_t count = pread(file->fh, memory, size, offset);
  return count < 0 ? -errno : (int)count;
}
static int do_write(const char *path, const char *memory, size_t size, off_t offset, struct fuse_file_info *file) {
  int no = offset + (off_t)size > 65536 ? refusal("write", path) : 0;
  if (no) return no;
  ssize_t count = pwrite(file->fh, memory, size, offset);
  return count < 0 ? -errno : (int)count;
}
static int do_statfs(const char *path, struct statvfs *st) {
  (void)path;
  return RESULT(fstatvfs(root, st));
}
static int do_flush(const char *path, struct fuse_file_info *file) {
  (void)file;
  return refusal("flush", path);
}
static int do_release(const char *path, struct fuse_file_info *file) {
  (void)path;
  close(file->fh);
  return 0;
}
static int do_fsync(const char *path, int data_only, struct fuse_file_info *file) {
  int no = refusal("fsync", path);
  return no ? no : RESULT(data_only ? fdatasync(file->fh) : fsync(file->fh));
}
static int do_flock(const char *path, struct fuse_file_info *file, int operation) {
  int no = refusal("flock", path);
  return no ? no : RESULT(flock(file->fh, operation));
}
static int do_fallocate(const char *path, int mode, off_t offset, off_t length, struct fuse_file_info *file) {
  int no = refusal("fallocate", path);
  return no ? no : RESULT(fallocate(file->fh, mode, offset, length));
}

static const struct fuse_operations operations = {
    .init = start, .getattr = do_getattr, .readlink = do_readlink, .readdir = do_readdir, .mknod = do_mknod,
    .mkdir = do_mkdir, .unlink = do_unlink, .rmdir = do_rmdir, .symlink = do_symlink, .rename = do_rename,
    .link = do_link, .chmod = do_chmod, .chown = do_chown, .utimens = do_utimens, .truncate = do_truncate,
    .open = do_open, .create = do_create, .read = do_read, .write = do_write, .statfs = do_statfs,
    .flush = do_flush, .release = do_release, .fsync = do_fsync, .flock = do_flock, .fallocate = do_fallocate};

int main(int count, char **arguments) {
  if (count != 4) return fprintf(stderr, "usage: %s FOLDER MOUNT FEATURE,FEATURE...\n", arguments[0]), 2;
  umask(0);
  root = open(arguments[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (root < 0) return perror(arguments[1]), 1;
  features = arguments[3];
  char *own[] = {arguments[0], "-f", "-s", "-o", "allow_other,default_permissions", arguments[2]};
  return fuse_main(6, own, &operations, NULL);
}

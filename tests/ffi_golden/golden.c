/*
 * What a C compiler makes of the headers that ffi/ mirrors, as JSON on standard output: offsets of struct
 * members, constants, and the bytes of submissions and structs. golden_test.ts compares ffi/ with it;
 * golden.json keeps the output for machines without a compiler or liburing's headers.
 *
 *     cc -Wall -Werror -o golden golden.c && ./golden > golden.json
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/openat2.h>
#include <liburing.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#ifdef __aarch64__
#define ARCH "aarch64"
#else
#define ARCH "x86_64"
#endif

/* Linux 6.9; older headers do not know it. */
#define OP_FTRUNCATE 55

static const char *separator = "";

static void open_object(const char *name)
{
	printf("%s\n  \"%s\": {", separator, name);
	separator = "";
}

static void close_object(void)
{
	printf("\n  }");
	separator = ",";
}

static void number(const char *name, long long value)
{
	printf("%s\n    \"%s\": %lld", separator, name, value);
	separator = ",";
}

static void bytes(const char *name, const void *data, size_t size)
{
	const unsigned char *byte = data;
	printf("%s\n    \"%s\": \"", separator, name);
	for (size_t index = 0; index < size; index++)
		printf("%02x", byte[index]);
	printf("\"");
	separator = ",";
}

#define STRUCT(name, type) open_object(name); number("size", sizeof(type))
#define FIELD(name, type, member) number(name, offsetof(type, member))

static void ring_structs(void)
{
	STRUCT("ioUring", struct io_uring);
	FIELD("sqKernelHead", struct io_uring, sq.khead);
	FIELD("sqKernelTail", struct io_uring, sq.ktail);
	FIELD("sqKernelFlags", struct io_uring, sq.kflags);
	FIELD("sqes", struct io_uring, sq.sqes);
	FIELD("sqeHead", struct io_uring, sq.sqe_head);
	FIELD("sqeTail", struct io_uring, sq.sqe_tail);
	FIELD("cqKernelHead", struct io_uring, cq.khead);
	FIELD("cqKernelTail", struct io_uring, cq.ktail);
	FIELD("cqKernelOverflow", struct io_uring, cq.koverflow);
	FIELD("cqes", struct io_uring, cq.cqes);
	FIELD("ringFd", struct io_uring, ring_fd);
	FIELD("features", struct io_uring, features);
	close_object();

	STRUCT("ioUringParams", struct io_uring_params);
	FIELD("sqEntries", struct io_uring_params, sq_entries);
	FIELD("cqEntries", struct io_uring_params, cq_entries);
	FIELD("flags", struct io_uring_params, flags);
	FIELD("features", struct io_uring_params, features);
	close_object();

	STRUCT("ioUringSqe", struct io_uring_sqe);
	FIELD("opcode", struct io_uring_sqe, opcode);
	FIELD("flags", struct io_uring_sqe, flags);
	FIELD("ioprio", struct io_uring_sqe, ioprio);
	FIELD("fd", struct io_uring_sqe, fd);
	FIELD("off", struct io_uring_sqe, off);
	FIELD("addr", struct io_uring_sqe, addr);
	FIELD("len", struct io_uring_sqe, len);
	FIELD("opFlags", struct io_uring_sqe, open_flags);
	FIELD("userData", struct io_uring_sqe, user_data);
	FIELD("bufIndex", struct io_uring_sqe, buf_index);
	FIELD("personality", struct io_uring_sqe, personality);
	FIELD("fileIndex", struct io_uring_sqe, file_index);
	FIELD("addr3", struct io_uring_sqe, addr3);
	close_object();

	STRUCT("ioUringCqe", struct io_uring_cqe);
	FIELD("userData", struct io_uring_cqe, user_data);
	FIELD("res", struct io_uring_cqe, res);
	FIELD("flags", struct io_uring_cqe, flags);
	close_object();

	STRUCT("ioUringProbe", struct io_uring_probe);
	FIELD("lastOp", struct io_uring_probe, last_op);
	FIELD("opsLength", struct io_uring_probe, ops_len);
	FIELD("ops", struct io_uring_probe, ops);
	number("opSize", sizeof(struct io_uring_probe_op));
	FIELD("opFlags", struct io_uring_probe_op, flags);
	close_object();

	STRUCT("ioUringGetEventsArg", struct io_uring_getevents_arg);
	FIELD("sigmask", struct io_uring_getevents_arg, sigmask);
	FIELD("sigmaskSize", struct io_uring_getevents_arg, sigmask_sz);
	FIELD("timespec", struct io_uring_getevents_arg, ts);
	close_object();

	STRUCT("kernelTimespec", struct __kernel_timespec);
	FIELD("seconds", struct __kernel_timespec, tv_sec);
	FIELD("nanoseconds", struct __kernel_timespec, tv_nsec);
	close_object();
}

static void file_structs(void)
{
	STRUCT("openHow", struct open_how);
	FIELD("flags", struct open_how, flags);
	FIELD("mode", struct open_how, mode);
	FIELD("resolve", struct open_how, resolve);
	close_object();

	STRUCT("statx", struct statx);
	FIELD("mask", struct statx, stx_mask);
	FIELD("blockSize", struct statx, stx_blksize);
	FIELD("attributes", struct statx, stx_attributes);
	FIELD("links", struct statx, stx_nlink);
	FIELD("uid", struct statx, stx_uid);
	FIELD("gid", struct statx, stx_gid);
	FIELD("mode", struct statx, stx_mode);
	FIELD("inode", struct statx, stx_ino);
	FIELD("bytes", struct statx, stx_size);
	FIELD("blocks", struct statx, stx_blocks);
	FIELD("atime", struct statx, stx_atime);
	FIELD("btime", struct statx, stx_btime);
	FIELD("ctime", struct statx, stx_ctime);
	FIELD("mtime", struct statx, stx_mtime);
	FIELD("deviceKindMajor", struct statx, stx_rdev_major);
	FIELD("deviceKindMinor", struct statx, stx_rdev_minor);
	FIELD("deviceMajor", struct statx, stx_dev_major);
	FIELD("deviceMinor", struct statx, stx_dev_minor);
	FIELD("nanoseconds", struct statx_timestamp, tv_nsec);
	close_object();

	open_object("dirent64");
	FIELD("inode", struct dirent64, d_ino);
	FIELD("offset", struct dirent64, d_off);
	FIELD("recordLength", struct dirent64, d_reclen);
	FIELD("type", struct dirent64, d_type);
	FIELD("name", struct dirent64, d_name);
	close_object();
}

static void file_constants(void)
{
	open_object("direntType");
	number("unknown", DT_UNKNOWN);
	number("fifo", DT_FIFO);
	number("characterDevice", DT_CHR);
	number("directory", DT_DIR);
	number("blockDevice", DT_BLK);
	number("file", DT_REG);
	number("link", DT_LNK);
	number("socket", DT_SOCK);
	close_object();

	open_object("openFlag");
	number("readOnly", O_RDONLY);
	number("writeOnly", O_WRONLY);
	number("readWrite", O_RDWR);
	number("create", O_CREAT);
	number("exclusive", O_EXCL);
	number("noCtty", O_NOCTTY);
	number("truncate", O_TRUNC);
	number("append", O_APPEND);
	number("nonblock", O_NONBLOCK);
	number("direct", O_DIRECT);
	number("directory", O_DIRECTORY);
	number("noFollow", O_NOFOLLOW);
	number("noAtime", O_NOATIME);
	number("closeOnExec", O_CLOEXEC);
	number("path", O_PATH);
	close_object();

	open_object("atFlag");
	number("workingDirectory", AT_FDCWD);
	number("symlinkNoFollow", AT_SYMLINK_NOFOLLOW);
	number("removeDirectory", AT_REMOVEDIR);
	number("symlinkFollow", AT_SYMLINK_FOLLOW);
	number("emptyPath", AT_EMPTY_PATH);
	close_object();

	open_object("resolveFlag");
	number("noCrossDevice", RESOLVE_NO_XDEV);
	number("noMagicLinks", RESOLVE_NO_MAGICLINKS);
	number("noSymlinks", RESOLVE_NO_SYMLINKS);
	number("beneath", RESOLVE_BENEATH);
	number("inRoot", RESOLVE_IN_ROOT);
	close_object();

	open_object("statxMask");
	number("type", STATX_TYPE);
	number("mode", STATX_MODE);
	number("links", STATX_NLINK);
	number("uid", STATX_UID);
	number("gid", STATX_GID);
	number("atime", STATX_ATIME);
	number("mtime", STATX_MTIME);
	number("ctime", STATX_CTIME);
	number("inode", STATX_INO);
	number("size", STATX_SIZE);
	number("blocks", STATX_BLOCKS);
	number("basic", STATX_BASIC_STATS);
	close_object();

	open_object("fileKind");
	number("mask", S_IFMT);
	number("socket", S_IFSOCK);
	number("link", S_IFLNK);
	number("file", S_IFREG);
	number("blockDevice", S_IFBLK);
	number("directory", S_IFDIR);
	number("characterDevice", S_IFCHR);
	number("fifo", S_IFIFO);
	close_object();

	open_object("syncRangeFlag");
	number("waitBefore", SYNC_FILE_RANGE_WAIT_BEFORE);
	number("write", SYNC_FILE_RANGE_WRITE);
	number("waitAfter", SYNC_FILE_RANGE_WAIT_AFTER);
	close_object();

	open_object("fileAdvice");
	number("willNeed", POSIX_FADV_WILLNEED);
	number("dontNeed", POSIX_FADV_DONTNEED);
	close_object();

	open_object("fallocateMode");
	number("keepSize", FALLOC_FL_KEEP_SIZE);
	number("punchHole", FALLOC_FL_PUNCH_HOLE);
	number("zeroRange", FALLOC_FL_ZERO_RANGE);
	close_object();

	open_object("renameFlag");
	number("noReplace", RENAME_NOREPLACE);
	number("exchange", RENAME_EXCHANGE);
	close_object();
}

static void ring_constants(void)
{
	open_object("setupFlag");
	number("completionSize", IORING_SETUP_CQSIZE);
	number("submitAll", IORING_SETUP_SUBMIT_ALL);
	close_object();

	open_object("ringFeature");
	number("linkedFile", IORING_FEAT_LINKED_FILE);
	close_object();

	open_object("enterFlag");
	number("getEvents", IORING_ENTER_GETEVENTS);
	number("extendedArgument", IORING_ENTER_EXT_ARG);
	close_object();

	open_object("ringErrno");
	number("perm", EPERM);
	number("intr", EINTR);
	number("badf", EBADF);
	number("again", EAGAIN);
	number("nomem", ENOMEM);
	number("busy", EBUSY);
	number("inval", EINVAL);
	number("mfile", EMFILE);
	number("nosys", ENOSYS);
	number("time", ETIME);
	number("canceled", ECANCELED);
	close_object();

	open_object("opcode");
	number("nop", IORING_OP_NOP);
	number("fsync", IORING_OP_FSYNC);
	number("syncFileRange", IORING_OP_SYNC_FILE_RANGE);
	number("asyncCancel", IORING_OP_ASYNC_CANCEL);
	number("fallocate", IORING_OP_FALLOCATE);
	number("openat", IORING_OP_OPENAT);
	number("close", IORING_OP_CLOSE);
	number("statx", IORING_OP_STATX);
	number("read", IORING_OP_READ);
	number("write", IORING_OP_WRITE);
	number("fadvise", IORING_OP_FADVISE);
	number("openat2", IORING_OP_OPENAT2);
	number("renameat", IORING_OP_RENAMEAT);
	number("unlinkat", IORING_OP_UNLINKAT);
	number("mkdirat", IORING_OP_MKDIRAT);
	number("symlinkat", IORING_OP_SYMLINKAT);
	number("linkat", IORING_OP_LINKAT);
	number("ftruncate", OP_FTRUNCATE);
	close_object();

	open_object("sqeFlag");
	number("none", 0);
	number("fixedFile", IOSQE_FIXED_FILE);
	number("drain", IOSQE_IO_DRAIN);
	number("link", IOSQE_IO_LINK);
	number("hardlink", IOSQE_IO_HARDLINK);
	number("async", IOSQE_ASYNC);
	close_object();

	open_object("cancelFlag");
	number("all", IORING_ASYNC_CANCEL_ALL);
	number("fd", IORING_ASYNC_CANCEL_FD);
	number("any", IORING_ASYNC_CANCEL_ANY);
	number("fdFixed", IORING_ASYNC_CANCEL_FD_FIXED);
	close_object();

	open_object("numbers");
	number("enterSyscall", SYS_io_uring_enter);
	number("fsyncDataOnly", IORING_FSYNC_DATASYNC);
	number("probeSupported", IO_URING_OP_SUPPORTED);
	close_object();
}

#include "submissions.h"

static void samples(void)
{
	struct open_how how = {
		.flags = O_RDONLY | O_NOFOLLOW | O_CLOEXEC,
		.mode = 0604,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
	};
	open_object("samples");
	bytes("openHow", &how, sizeof(how));
	close_object();
}

int main(void)
{
	printf("{\n  \"arch\": \"%s\"", ARCH);
	separator = ",";
	ring_structs();
	file_structs();
	file_constants();
	ring_constants();
	submissions();
	samples();
	printf("\n}\n");
	return 0;
}

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
	open_object("ioUring");
	FIELD("sqes", struct io_uring, sq.sqes);
	FIELD("sqeTail", struct io_uring, sq.sqe_tail);
	FIELD("cqKernelHead", struct io_uring, cq.khead);
	FIELD("cqKernelTail", struct io_uring, cq.ktail);
	FIELD("cqKernelOverflow", struct io_uring, cq.koverflow);
	FIELD("cqes", struct io_uring, cq.cqes);
	FIELD("ringFd", struct io_uring, ring_fd);
	close_object();

	open_object("ioUringParams");
	FIELD("sqEntries", struct io_uring_params, sq_entries);
	FIELD("cqEntries", struct io_uring_params, cq_entries);
	FIELD("flags", struct io_uring_params, flags);
	FIELD("features", struct io_uring_params, features);
	close_object();

	open_object("ioUringProbe");
	FIELD("opsLength", struct io_uring_probe, ops_len);
	FIELD("ops", struct io_uring_probe, ops);
	number("opSize", sizeof(struct io_uring_probe_op));
	FIELD("opFlags", struct io_uring_probe_op, flags);
	close_object();

	STRUCT("ioUringGetEventsArg", struct io_uring_getevents_arg);
	FIELD("timespec", struct io_uring_getevents_arg, ts);
	close_object();

	open_object("kernelTimespec");
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
	FIELD("links", struct statx, stx_nlink);
	FIELD("owner", struct statx, stx_uid);
	FIELD("mode", struct statx, stx_mode);
	FIELD("inode", struct statx, stx_ino);
	FIELD("bytes", struct statx, stx_size);
	FIELD("ctime", struct statx, stx_ctime);
	FIELD("mtime", struct statx, stx_mtime);
	FIELD("deviceMajor", struct statx, stx_dev_major);
	FIELD("deviceMinor", struct statx, stx_dev_minor);
	FIELD("nanoseconds", struct statx_timestamp, tv_nsec);
	close_object();

	open_object("dirent64");
	FIELD("offset", struct dirent64, d_off);
	FIELD("recordLength", struct dirent64, d_reclen);
	FIELD("type", struct dirent64, d_type);
	FIELD("name", struct dirent64, d_name);
	close_object();
}

static void file_constants(void)
{

	open_object("openFlag");
	number("readOnly", O_RDONLY);
	number("writeOnly", O_WRONLY);
	number("readWrite", O_RDWR);
	number("create", O_CREAT);
	number("exclusive", O_EXCL);
	number("nonblock", O_NONBLOCK);
	number("directory", O_DIRECTORY);
	number("noFollow", O_NOFOLLOW);
	number("closeOnExec", O_CLOEXEC);
	number("path", O_PATH);
	close_object();

	open_object("atFlag");
	number("workingDirectory", AT_FDCWD);
	number("symlinkNoFollow", AT_SYMLINK_NOFOLLOW);
	number("removeDirectory", AT_REMOVEDIR);
	number("effectiveAccess", AT_EACCESS);
	number("emptyPath", AT_EMPTY_PATH);
	close_object();

	open_object("resolveFlag");
	number("noCrossDevice", RESOLVE_NO_XDEV);
	number("noMagicLinks", RESOLVE_NO_MAGICLINKS);
	number("noSymlinks", RESOLVE_NO_SYMLINKS);
	number("beneath", RESOLVE_BENEATH);
	close_object();

	open_object("statxMask");
	number("type", STATX_TYPE);
	number("mode", STATX_MODE);
	number("links", STATX_NLINK);
	number("owner", STATX_UID);
	number("mtime", STATX_MTIME);
	number("ctime", STATX_CTIME);
	number("inode", STATX_INO);
	number("size", STATX_SIZE);
	close_object();

	open_object("syncRangeFlag");
	number("waitBefore", SYNC_FILE_RANGE_WAIT_BEFORE);
	number("write", SYNC_FILE_RANGE_WRITE);
	number("waitAfter", SYNC_FILE_RANGE_WAIT_AFTER);
	close_object();

	open_object("fileAdvice");
	number("dontNeed", POSIX_FADV_DONTNEED);
	close_object();

	open_object("renameFlag");
	number("noReplace", RENAME_NOREPLACE);
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

	open_object("errno");
	number("perm", EPERM);
	number("noent", ENOENT);
	number("intr", EINTR);
	number("again", EAGAIN);
	number("nomem", ENOMEM);
	number("busy", EBUSY);
	number("exist", EEXIST);
	number("xdev", EXDEV);
	number("notdir", ENOTDIR);
	number("isdir", EISDIR);
	number("inval", EINVAL);
	number("nfile", ENFILE);
	number("mfile", EMFILE);
	number("nospc", ENOSPC);
	number("rofs", EROFS);
	number("mlink", EMLINK);
	number("nolck", ENOLCK);
	number("nosys", ENOSYS);
	number("notempty", ENOTEMPTY);
	number("loop", ELOOP);
	number("opnotsupp", EOPNOTSUPP);
	close_object();

	open_object("opcode");
	number("nop", IORING_OP_NOP);
	number("syncFileRange", IORING_OP_SYNC_FILE_RANGE);
	number("asyncCancel", IORING_OP_ASYNC_CANCEL);
	number("read", IORING_OP_READ);
	number("write", IORING_OP_WRITE);
	number("fadvise", IORING_OP_FADVISE);
	number("openat2", IORING_OP_OPENAT2);
	close_object();

	open_object("sqeFlag");
	number("none", 0);
	number("hardlink", IOSQE_IO_HARDLINK);
	number("async", IOSQE_ASYNC);
	close_object();

	open_object("cancelFlag");
	number("all", IORING_ASYNC_CANCEL_ALL);
	number("any", IORING_ASYNC_CANCEL_ANY);
	close_object();

	open_object("numbers");
	number("enterSyscall", SYS_io_uring_enter);
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

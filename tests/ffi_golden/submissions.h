/* The bytes of submissions, a part of golden.c. */

/* Prepares one submission in memory full of ones, so that a byte left unset shows. */
#define SQE(name, token, sqeFlags, prepare) \
	do { \
		struct io_uring_sqe entry, *sqe = &entry; \
		memset(sqe, 0xff, sizeof(entry)); \
		prepare; \
		io_uring_sqe_set_flags(sqe, sqeFlags); \
		io_uring_sqe_set_data64(sqe, token); \
		bytes(name, sqe, sizeof(entry)); \
	} while (0)

static void submissions(void)
{
	/* Addresses, offsets and sizes that need all their bits; golden_test.ts has the same. */
	char *path = (char *)0x7fedcba98765;
	char *other = (char *)0x7f0123456789;
	const long long offset = 0x1fffffffffffffLL - 4096;

	open_object("submissions");
	SQE("openat2", 0xfffffffe, IOSQE_ASYNC, io_uring_prep_openat2(sqe, 8, path, (struct open_how *)other));
	SQE("openat2Here", 4, 0, io_uring_prep_openat2(sqe, AT_FDCWD, path, (struct open_how *)other));
	SQE("read", 7, IOSQE_IO_HARDLINK, io_uring_prep_read(sqe, 3, path, 0xfffff000, offset));
	SQE("readHere", 8, 0, io_uring_prep_read(sqe, 3, path, 1, -1));
	SQE("write", 9, 0, io_uring_prep_write(sqe, 1024, path, 4097, offset));
	SQE("syncFileRange", 22, 0, io_uring_prep_sync_file_range(sqe, 6, 0x400000, offset, SYNC_FILE_RANGE_WRITE));
	SQE("fadvise", 23, IOSQE_IO_HARDLINK, io_uring_prep_fadvise(sqe, 6, offset, 0x400000, POSIX_FADV_DONTNEED));
	SQE("nop", 0, 0, io_uring_prep_nop(sqe));
	SQE("cancelAll", 0, 0, io_uring_prep_cancel64(sqe, 0, IORING_ASYNC_CANCEL_ANY | IORING_ASYNC_CANCEL_ALL));
	close_object();
}

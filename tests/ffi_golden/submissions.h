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
	SQE("nop", 1, 0, io_uring_prep_nop(sqe));
	SQE("openat", 2, IOSQE_IO_LINK,
	    io_uring_prep_openat(sqe, AT_FDCWD, path, O_WRONLY | O_CREAT | O_EXCL, 0640));
	SQE("openatSlot", 3, IOSQE_IO_LINK, io_uring_prep_openat_direct(sqe, 7, path, O_RDONLY, 0, 5));
	SQE("openat2", 4, IOSQE_ASYNC, io_uring_prep_openat2(sqe, 8, path, (struct open_how *)other));
	SQE("openat2Slot", 0xfffffffe, IOSQE_IO_HARDLINK,
	    io_uring_prep_openat2_direct(sqe, 8, path, (struct open_how *)other, 0));
	SQE("statx", 6, IOSQE_IO_DRAIN,
	    io_uring_prep_statx(sqe, 9, path, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, (struct statx *)other));
	SQE("read", 7, IOSQE_FIXED_FILE | IOSQE_IO_HARDLINK, io_uring_prep_read(sqe, 3, path, 0xfffff000, offset));
	SQE("readHere", 8, 0, io_uring_prep_read(sqe, 3, path, 1, -1));
	SQE("write", 9, 0, io_uring_prep_write(sqe, 1024, path, 4097, offset));
	SQE("close", 10, 0, io_uring_prep_close(sqe, 77));
	SQE("closeSlot", 11, IOSQE_IO_LINK, io_uring_prep_close_direct(sqe, 63));
	SQE("mkdirat", 12, 0, io_uring_prep_mkdirat(sqe, 4, path, 0700));
	SQE("unlinkat", 13, 0, io_uring_prep_unlinkat(sqe, 4, path, AT_REMOVEDIR));
	SQE("renameat", 14, 0, io_uring_prep_renameat(sqe, AT_FDCWD, path, AT_FDCWD, other, RENAME_NOREPLACE));
	SQE("linkat", 15, 0, io_uring_prep_linkat(sqe, 4, path, 5, other, AT_SYMLINK_FOLLOW));
	SQE("symlinkat", 16, 0, io_uring_prep_symlinkat(sqe, path, 5, other));
	SQE("fallocate", 17, 0,
	    io_uring_prep_fallocate(sqe, 6, FALLOC_FL_KEEP_SIZE, 0x100000001LL, 0x1000000002LL));
	SQE("ftruncate", 18, 0, io_uring_prep_rw(OP_FTRUNCATE, sqe, 6, 0, 0, offset));
	SQE("fsync", 19, 0, io_uring_prep_fsync(sqe, 6, IORING_FSYNC_DATASYNC));
	SQE("syncFileRange", 22, 0, io_uring_prep_sync_file_range(sqe, 6, 0x400000, offset, SYNC_FILE_RANGE_WRITE));
	SQE("fadvise", 23, IOSQE_IO_LINK, io_uring_prep_fadvise(sqe, 6, offset, 0x400000, POSIX_FADV_DONTNEED));
	SQE("cancel", 20, 0, io_uring_prep_cancel64(sqe, 0xfffffffe, IORING_ASYNC_CANCEL_ALL));
	SQE("cancelAny", 21, 0, io_uring_prep_cancel64(sqe, 0, IORING_ASYNC_CANCEL_ANY | IORING_ASYNC_CANCEL_ALL));
	close_object();
}

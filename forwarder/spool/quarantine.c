/* What did not verify is set aside with a report, never thrown away unseen. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/wire.h"
#include "spool/impl.h"

#define COPY_SIZE (256u << 10)

bool quarantine_first(struct spool *spool, uint64_t number, uint64_t offset)
{
	size_t slots = sizeof(spool->bad_frames_seen) / sizeof(spool->bad_frames_seen[0]);
	uint8_t key[16];
	uint64_t hash;
	bool first = true;

	wire_put_u64(key, number);
	wire_put_u64(key + 8, offset);
	hash = hash_more(HASH_START, key, sizeof(key));
	pthread_mutex_lock(&spool->lock);
	for (size_t i = 0; i < slots && first; i++)
		first = spool->bad_frames_seen[i] != hash;
	if (first)
		spool->bad_frames_seen[spool->bad_frames_next++ % slots] = hash;
	pthread_mutex_unlock(&spool->lock);
	return first;
}

static int copy_bytes(const struct sys_io *io, int from, int to, uint64_t at, uint64_t end)
{
	uint8_t *bytes = mem_alloc(COPY_SIZE);
	uint64_t out = 0;
	int rc = 0;

	while (at < end && rc == 0) {
		size_t ask = end - at < COPY_SIZE ? (size_t)(end - at) : COPY_SIZE;
		ssize_t n = io->pread(io->self, from, bytes, ask, at);
		struct iovec iov = {bytes, (size_t)n};

		if (n <= 0) {
			rc = n < 0 ? (int)n : 0;
			break;
		}
		rc = io->pwritev(io->self, to, &iov, 1, out);
		at += (uint64_t)n;
		out += (uint64_t)n;
	}
	free(bytes);
	return rc;
}

static int write_file(const struct sys_io *io, const char *path, int from, uint64_t at, uint64_t end, const struct lg_buf *text)
{
	struct iovec iov;
	int handle = io->open(io->self, path, SYS_WRITE | SYS_CREATE), rc;

	if (handle < 0)
		return handle;
	rc = io->truncate(io->self, handle, 0);
	if (rc == 0 && text) {
		iov = (struct iovec){text->data, text->size};
		rc = io->pwritev(io->self, handle, &iov, 1, 0);
	} else if (rc == 0) {
		rc = copy_bytes(io, from, handle, at, end);
	}
	if (rc == 0)
		rc = io->fsync(io->self, handle);
	io->close(io->self, handle);
	return rc;
}

/* Quarantine may take a sixteenth of the quota; beyond, the report alone is written. */
static bool may_copy(struct spool *spool, uint64_t bytes)
{
	bool may;

	pthread_mutex_lock(&spool->lock);
	may = spool->quarantine_bytes + bytes <= spool->conf.max_size / 16;
	if (may)
		spool->quarantine_bytes += bytes;
	pthread_mutex_unlock(&spool->lock);
	return may;
}

static void put_records(struct lg_buf *report, const struct quarantine_piece *piece)
{
	if (!piece->next_seq)
		lg_buf_printf(report, "records from %llu on, how many is not known\n", (unsigned long long)piece->first_seq);
	else if (piece->next_seq <= piece->first_seq)
		lg_buf_append_cstr(report, "records none\n");
	else
		lg_buf_printf(report, "records %llu to %llu\n", (unsigned long long)piece->first_seq, (unsigned long long)piece->next_seq - 1);
}

bool quarantine_bytes(struct spool *spool, int handle, const struct quarantine_piece *piece)
{
	const struct sys_io *io = spool->conf.io;
	char name[80], path[SPOOL_PATH_MAX], when[32];
	struct lg_buf report = {0};
	bool copied = false;
	int rc = 0;

	if (spool->peek)
		return false;
	snprintf(name, sizeof(name), "quarantine/%016llx-%016llx.bin", (unsigned long long)piece->number, (unsigned long long)piece->from);
	if (may_copy(spool, piece->to - piece->from)) {
		rc = write_file(io, spool_path(spool, path, name), handle, piece->from, piece->to, NULL);
		copied = rc == 0;
	}
	lg_buf_printf(&report, "segment %llu\noffset %llu\nbytes %llu\n", (unsigned long long)piece->number, (unsigned long long)piece->from,
	        (unsigned long long)(piece->to - piece->from));
	put_records(&report, piece);
	lg_buf_printf(&report, "reason %s\nwhen %s\ncopied %s\n", piece->reason, clock_format_utc(clock_utc(spool->conf.clock), 3, when),
	        copied ? "yes" : "no");
	memcpy(name + strlen(name) - 3, "txt", 3);
	rc = write_file(io, spool_path(spool, path, name), -1, 0, 0, &report);
	if (rc == 0)
		rc = io->sync_dir(io->self, spool_path(spool, path, "quarantine"));
	lg_buf_fini(&report);
	pthread_mutex_lock(&spool->lock);
	spool->stat.quarantined++;
	pthread_mutex_unlock(&spool->lock);
	return copied && rc == 0;
}

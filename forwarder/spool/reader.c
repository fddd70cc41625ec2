/* A reader: from the memory tail while it keeps up, else from the segments. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/lugger_plugin.h"
#include "base/crc32c.h"
#include "base/log.h"
#include "spool/impl.h"

/* An unreadable frame is asked for so often and so long before it counts as lost. */
#define READ_TRIES 5
#define READ_PATIENCE_NS (10 * CLOCK_SECOND)

struct spool_reader {
	struct spool *spool;
	uint64_t seq; /* comes next */
	int handle;   /* of the segment below, -1: none */
	uint64_t number, first_seq;
	uint64_t at;      /* offset of the frame that comes next; 0: not known */
	uint64_t end_seq; /* the segment's records end here */
	uint64_t limit;   /* and its frames here at the latest */
	bool newest;
	unsigned tries;
	int64_t tried_ns; /* monotonic, the first of them */
	struct crypt *crypt; /* of the segment, once a frame of it had to be decrypted */
	struct codec *codec;
	struct lg_buf head, stored, raw;
};

enum lg_rc spool_reader_open(struct spool *spool, uint64_t from_seq, struct spool_reader **out, struct lg_err *err)
{
	struct spool_reader *reader = mem_zalloc(sizeof(*reader));

	(void)err;
	reader->spool = spool;
	reader->handle = -1;
	reader->codec = codec_new(1);
	spool_reader_seek(reader, from_seq);
	*out = reader;
	return LG_OK;
}

static void leave_segment(struct spool_reader *reader)
{
	const struct sys_io *io = reader->spool->conf.io;

	if (reader->handle >= 0)
		io->close(io->self, reader->handle);
	crypt_free(reader->crypt);
	reader->crypt = NULL;
	reader->handle = -1;
	reader->number = 0;
	reader->at = 0;
}

void spool_reader_close(struct spool_reader *reader)
{
	if (!reader)
		return;
	leave_segment(reader);
	codec_free(reader->codec);
	lg_buf_fini(&reader->head);
	lg_buf_fini(&reader->stored);
	lg_buf_fini(&reader->raw);
	free(reader);
}

uint64_t spool_reader_at(const struct spool_reader *reader)
{
	return reader->seq;
}

void spool_reader_seek(struct spool_reader *reader, uint64_t seq)
{
	struct spool *spool = reader->spool;
	uint64_t low;

	pthread_mutex_lock(&spool->lock);
	low = spool->seg_count ? spool->segs[0].first_seq : spool->durable_next;
	pthread_mutex_unlock(&spool->lock);
	reader->seq = seq < low ? low : seq;
	reader->at = 0;
	reader->tries = 0;
}

enum place { PLACE_TAIL, PLACE_DISK, PLACE_END };

/* Where the next record is: a batch of the tail, or the segment, whose facts are copied into the reader. */
static enum place locate(struct spool_reader *reader, struct lg_batch **batch)
{
	struct spool *spool = reader->spool;
	enum place place = PLACE_END;
	size_t low = 0, high, found;
	uint64_t number;

	pthread_mutex_lock(&spool->lock);
	if (!spool->seg_count || reader->seq >= spool->durable_next)
		goto done;
	if (reader->seq < spool->segs[0].first_seq) {
		reader->seq = spool->segs[0].first_seq;
		reader->at = 0;
		if (reader->seq >= spool->durable_next)
			goto done;
	}
	*batch = tail_find(spool, reader->seq);
	if (*batch) {
		place = PLACE_TAIL;
		goto done;
	}
	for (high = spool->seg_count; high - low > 1;) {
		size_t mid = low + (high - low) / 2;

		if (spool->segs[mid].first_seq <= reader->seq)
			low = mid;
		else
			high = mid;
	}
	found = low;
	place = PLACE_DISK;
	number = spool->segs[found].number;
	if (number != reader->number)
		leave_segment(reader);
	reader->number = number;
	reader->first_seq = spool->segs[found].first_seq;
	reader->newest = found + 1 == spool->seg_count;
	reader->end_seq = reader->newest ? spool->durable_next : spool->segs[found + 1].first_seq;
	reader->limit = spool->segs[found].end ? spool->segs[found].end : spool->segs[found].size;
	if (reader->newest && !reader->at) {
		size_t i = frame_index_find(&spool->index, reader->seq);

		if (i < spool->index.count)
			reader->at = spool->index.entries[i].offset;
	}
done:
	pthread_mutex_unlock(&spool->lock);
	return place;
}

static enum lg_rc gap(struct spool_reader *reader, uint64_t next, uint64_t *first, uint64_t *last, struct lg_err *err)
{
	*first = reader->seq;
	*last = next - 1;
	reader->seq = next;
	reader->tries = 0;
	return lg_err_set(err, LG_CORRUPT, "segment %llu: records %llu to %llu are lost", (unsigned long long)reader->number,
	        (unsigned long long)*first, (unsigned long long)*last);
}

/* Counts and sets aside what lies in [from, to) of the segment, the first time somebody meets it. next_seq: behind its records. */
static void note_damage(struct spool_reader *reader, uint64_t from, uint64_t to, uint64_t next_seq, const char *reason)
{
	struct spool *spool = reader->spool;
	struct quarantine_piece piece = {reader->number, from, to, reader->seq, next_seq, reason};

	if (!quarantine_first(spool, reader->number, from))
		return;
	pthread_mutex_lock(&spool->lock);
	spool->stat.corrupt_frames++;
	pthread_mutex_unlock(&spool->lock);
	if (!spool->peek)
		log_error("spool %s: segment %llu: frame at %llu: %s; set aside in quarantine", spool->dir,
		        (unsigned long long)reader->number, (unsigned long long)from, reason);
	quarantine_bytes(spool, reader->handle, &piece);
}

bool spool_disk_answers(const struct spool *spool, int handle)
{
	const struct sys_io *io = spool->conf.io;
	uint8_t byte;

	return io->pread(io->self, handle, &byte, 1, 0) == 1 ||
	       (spool->state_handle >= 0 && io->pread(io->self, spool->state_handle, &byte, 1, 0) == 1);
}

/* Opens the segment and finds the frame that holds seq. */
static enum lg_rc enter_segment(struct spool_reader *reader, struct lg_err *err)
{
	struct spool *spool = reader->spool;
	const struct sys_io *io = spool->conf.io;
	struct frame_index index = {0};
	char path[SPOOL_PATH_MAX];
	enum lg_rc rc = LG_OK;
	int64_t size;
	size_t i;

	if (reader->handle < 0) {
		reader->handle = io->open(io->self, spool_segment_path(spool, path, reader->number, reader->first_seq), SYS_READ);
		if (reader->handle < 0)
			return lg_err_sys(err, -reader->handle, "opening segment %llu", (unsigned long long)reader->number);
	}
	if (reader->at)
		return LG_OK;
	size = io->size(io->self, reader->handle);
	if (size >= 0)
		rc = index_load(spool, reader->handle, reader->number, (uint64_t)size, &index);
	if (size < 0 || rc != LG_OK) {
		frame_index_fini(&index);
		return lg_err_set(err, LG_IO, "segment %llu: cannot be read", (unsigned long long)reader->number);
	}
	i = frame_index_find(&index, reader->seq);
	if (i == index.count && !spool_disk_answers(reader->spool, reader->handle)) {
		frame_index_fini(&index);
		return lg_err_sys(err, EIO, "segment %llu: reading", (unsigned long long)reader->number);
	}
	reader->at = i < index.count ? index.entries[i].offset : (uint64_t)size;
	frame_index_fini(&index);
	return LG_OK;
}

static enum lg_rc expand(struct spool_reader *reader, const struct frame_header *h, struct lg_err *err)
{
	struct spool *spool = reader->spool;

	if (spool->conf.budget && mem_used(spool->conf.budget) + h->raw_size > spool->conf.budget->limit)
		spool_tail_evict(spool, h->raw_size);
	lg_buf_clear(&reader->raw);
	if (h->codec == BATCH_CODEC_ZSTD)
		return codec_expand(reader->codec, reader->stored.data, reader->stored.size, h->raw_size, &reader->raw, err);
	if (h->codec != BATCH_CODEC_NONE)
		return lg_err_set(err, LG_UNSUPPORTED, "segment %llu: codec %u is not in this version",
		        (unsigned long long)reader->number, h->codec);
	if (h->raw_size != reader->stored.size)
		return LG_CORRUPT;
	lg_buf_fini(&reader->raw);
	reader->raw = reader->stored;
	reader->stored = (struct lg_buf){0};
	return LG_OK;
}

/* The payload of the frame at reader->at becomes a batch. LG_CORRUPT: it does not verify. */
static enum lg_rc read_payload(
        struct spool_reader *reader, const struct frame_header *h, struct lg_batch **batch, struct lg_err *err)
{
	const struct sys_io *io = reader->spool->conf.io;
	char input[SPOOL_NAME_SIZE], log_id[33];
	enum lg_rc rc;
	ssize_t n;

	lg_buf_clear(&reader->stored);
	n = io->pread(io->self, reader->handle, lg_buf_reserve(&reader->stored, h->stored_size + 1), h->stored_size,
	        reader->at + h->header_size);
	if (n < 0)
		return lg_err_sys(err, (int)-n, "segment %llu: reading at %llu", (unsigned long long)reader->number,
		        (unsigned long long)reader->at);
	reader->stored.size = (size_t)n;
	if (n != (ssize_t)h->stored_size || crc32c(0, reader->stored.data, h->stored_size) != h->payload_crc)
		return LG_CORRUPT;
	rc = spool_decrypt(reader->spool, &reader->crypt, reader->handle, h, reader->head.data, &reader->stored, err);
	if (rc == LG_OK)
		rc = expand(reader, h, err);
	if (rc != LG_OK)
		return rc;
	snprintf(input, sizeof(input), "%.*s", (int)(h->input.size < SPOOL_NAME_SIZE ? h->input.size : SPOOL_NAME_SIZE - 1),
	        h->input.data);
	spool_hex(log_id, h->log_id);
	return batch_from_payload(batch, &reader->raw, input, log_id, h->first_seq, h->count, reader->spool->conf.budget, err);
}

/* The header at reader->at; LG_CORRUPT: there is none that verifies. */
static enum lg_rc read_header(struct spool_reader *reader, struct frame_header *h, struct lg_err *err)
{
	const struct sys_io *io = reader->spool->conf.io;
	struct frame_place place = {spool_tag(reader->spool->state.spool_id), reader->number, reader->at, reader->limit};
	size_t need = 512;
	enum lg_rc rc;

	for (;;) {
		ssize_t n;

		lg_buf_clear(&reader->head);
		n = io->pread(io->self, reader->handle, lg_buf_reserve(&reader->head, need), need, reader->at);
		if (n < 0)
			return lg_err_sys(err, (int)-n, "segment %llu: reading at %llu", (unsigned long long)reader->number,
			        (unsigned long long)reader->at);
		reader->head.size = (size_t)n;
		rc = frame_decode(h, reader->head.data, (size_t)n, &place, &need);
		if (rc == LG_UNSUPPORTED)
			return lg_err_set(err, rc, "segment %llu: written by a later version of Lugger",
			        (unsigned long long)reader->number);
		if (rc != LG_AGAIN)
			return rc;
		if ((size_t)n >= need || (size_t)n < reader->head.size || reader->at + need > reader->limit)
			return LG_CORRUPT;
	}
}

/* Behind a header that does not verify: the next one that does. */
static enum lg_rc resync(struct spool_reader *reader, uint64_t *first, uint64_t *last, struct lg_err *err)
{
	struct spool *spool = reader->spool;
	struct segment_scan scan;
	struct scan_item item = {0};
	uint64_t next = reader->end_seq, from = reader->at;
	enum scan_kind kind;
	enum lg_rc rc;

	segment_scan_begin(&scan, spool->conf.io, reader->handle, reader->number, spool_tag(spool->state.spool_id), reader->at,
	        reader->limit);
	kind = segment_scan_next(&scan, &item);
	if (kind == SCAN_BAD) {
		uint64_t to = item.to;

		kind = segment_scan_next(&scan, &item);
		if (kind == SCAN_FRAME || spool_disk_answers(reader->spool, reader->handle))
			note_damage(reader, from, to, kind == SCAN_FRAME && item.frame.first_seq < next ? item.frame.first_seq : next,
			        "the header does not verify");
	}
	if (kind == SCAN_ERROR || (kind != SCAN_FRAME && !spool_disk_answers(reader->spool, reader->handle))) {
		rc = lg_err_sys(err, scan.error ? -scan.error : EIO, "segment %llu: reading at %llu", (unsigned long long)reader->number,
		        (unsigned long long)scan.at);
		segment_scan_end(&scan);
		return rc;
	}
	if (kind == SCAN_FRAME && item.frame.first_seq < next && item.frame.first_seq >= reader->seq) {
		next = item.frame.first_seq;
		reader->at = item.from;
	} else {
		reader->at = reader->limit;
	}
	segment_scan_end(&scan);
	if (next == reader->seq)
		return LG_AGAIN; /* no record was lost: the bad frame held positions only, or lies behind the end */
	return gap(reader, next, first, last, err);
}

/* One step on disk. LG_AGAIN: look again, something moved. */
static enum lg_rc step(struct spool_reader *reader, struct lg_batch **batch, uint64_t *first, uint64_t *last, struct lg_err *err)
{
	struct frame_header h;
	enum lg_rc rc;

	if (reader->at + FRAME_FIXED > reader->limit)
		return gap(reader, reader->end_seq, first, last, err);
	rc = read_header(reader, &h, err);
	if (rc == LG_CORRUPT)
		return resync(reader, first, last, err);
	if (rc != LG_OK)
		return rc;
	if (h.first_seq + h.count <= reader->seq) {
		reader->at += frame_size(&h);
		return LG_AGAIN;
	}
	if (h.first_seq > reader->seq)
		return gap(reader, h.first_seq < reader->end_seq ? h.first_seq : reader->end_seq, first, last, err);
	rc = read_payload(reader, &h, batch, err);
	if (rc == LG_CORRUPT) {
		uint64_t next = h.first_seq + h.count, at = reader->at;

		note_damage(reader, at, at + frame_size(&h), next, "the payload does not verify");
		reader->at = at + frame_size(&h);
		return gap(reader, next < reader->end_seq ? next : reader->end_seq, first, last, err);
	}
	if (rc != LG_OK)
		return rc;
	reader->seq = h.first_seq + h.count;
	reader->at += frame_size(&h);
	reader->tries = 0;
	return LG_OK;
}

/* A disk that does not answer is asked again. One that gives all but these bytes costs their frame, not the output; one that gives
 * nothing, or a file that cannot be opened, is waited for: no record counts as lost for it. */
static enum lg_rc unreadable(struct spool_reader *reader, uint64_t *first, uint64_t *last, struct lg_err *err)
{
	const struct clock *clock = reader->spool->conf.clock;
	struct frame_header h;
	struct lg_err local;
	enum lg_rc rc;

	if (err->sys_errno != EIO || reader->handle < 0 || !reader->at)
		return LG_IO;
	if (!reader->tries++)
		reader->tried_ns = clock_mono(clock);
	if (!reader->spool->peek && (reader->tries < READ_TRIES || clock_mono(clock) - reader->tried_ns < READ_PATIENCE_NS))
		return LG_IO;
	if (!spool_disk_answers(reader->spool, reader->handle))
		return LG_IO;
	rc = read_header(reader, &h, &local);
	if (rc != LG_OK) {
		rc = resync(reader, first, last, err); /* its own bytes are filled with what verifies as nothing */
		return rc == LG_AGAIN ? LG_IO : rc;
	}
	note_damage(reader, reader->at, reader->at + frame_size(&h), h.first_seq + h.count, "cannot be read");
	if (h.first_seq + h.count <= reader->seq)
		return LG_IO;
	reader->at += frame_size(&h);
	return gap(reader, h.first_seq + h.count, first, last, err);
}

enum lg_rc spool_reader_next(
        struct spool_reader *reader, struct lg_batch **batch, uint64_t *gap_first, uint64_t *gap_last, struct lg_err *err)
{
	struct lg_err local;
	enum lg_rc rc;

	err = err ? err : &local;
	for (;;) {
		switch (locate(reader, batch)) {
		case PLACE_END:
			return lg_err_set(err, LG_AGAIN, "no record yet");
		case PLACE_TAIL:
			reader->seq = (*batch)->first_seq + (*batch)->count;
			reader->at = 0;
			return LG_OK;
		case PLACE_DISK:
			break;
		}
		rc = enter_segment(reader, err);
		if (rc == LG_NOTFOUND && reader->spool->peek) {
			reader->seq = reader->end_seq; /* the daemon deleted it since the last refresh */
			leave_segment(reader);
			continue;
		}
		if (rc == LG_NOTFOUND && spool_segment_listed(reader->spool, reader->number))
			return gap(reader, reader->end_seq, gap_first, gap_last, err);
		if (rc == LG_NOTFOUND) {
			leave_segment(reader);
			continue;
		}
		if (rc == LG_OK)
			rc = step(reader, batch, gap_first, gap_last, err);
		if (rc == LG_IO)
			return unreadable(reader, gap_first, gap_last, err);
		if (rc != LG_AGAIN)
			return rc;
	}
}

/* The writing side: one file after the other, each letter synced before its record is settled. */
#include "spool/deadletter.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/lugger_plugin.h"
#include "base/crc32c.h"
#include "base/log.h"
#include "base/wire.h"
#include "data/encode.h"
#include "spool/impl.h"

#define FILE_BYTES (1u << 20) /* a file that reached this is sealed */
#define PATH_SIZE (SPOOL_PATH_MAX + 192)

struct deadletters {
	struct spool *spool;
	char output[SPOOL_NAME_SIZE];
	char dir[PATH_SIZE];
	pthread_mutex_t mutex; /* guards the rest */
	int handle;            /* of the file being written, -1: none */
	struct crypt *cipher;  /* of that file; NULL: not encrypted */
	uint64_t number, next_number;
	struct frame_index index; /* of that file; all durable */
	uint64_t count;
};

static void add_bytes(struct spool *spool, uint64_t more, uint64_t less)
{
	pthread_mutex_lock(&spool->lock);
	spool->deadletter_bytes += more;
	spool->deadletter_bytes -= less < spool->deadletter_bytes ? less : spool->deadletter_bytes;
	pthread_mutex_unlock(&spool->lock);
}

static char *file_path(const struct deadletters *letters, char path[PATH_SIZE], const char *name)
{
	snprintf(path, PATH_SIZE, "%.*s/%s", PATH_SIZE - 64, letters->dir, name);
	return path;
}

/* ---- open, close ---- */

static void note_number(void *arg, const char *name)
{
	struct deadletters *letters = arg;
	uint64_t number, first_seq;

	if (segment_parse_name(name, &number, &first_seq) && number >= letters->next_number)
		letters->next_number = number + 1;
}

enum lg_rc deadletters_open(struct deadletters **out, struct spool *spool, const char *output, struct lg_err *err)
{
	const struct sys_io *io = spool->conf.io;
	struct deadletters *letters = mem_zalloc(sizeof(*letters));
	struct deadletter_walk walk = {.io = io, .output = output};
	char path[PATH_SIZE], data_dir[SPOOL_PATH_MAX];
	enum lg_rc rc;

	letters->spool = spool;
	letters->handle = -1;
	letters->next_number = 1;
	pthread_mutex_init(&letters->mutex, NULL);
	snprintf(letters->output, sizeof(letters->output), "%s", output);
	snprintf(letters->dir, sizeof(letters->dir), "%s/deadletter/%.63s", spool->dir, output);
	snprintf(data_dir, sizeof(data_dir), "%.*s", (int)(strlen(spool->dir) - strlen("/spool")), spool->dir);
	walk.data_dir = data_dir;
	io->unlink(io->self, file_path(letters, path, "segment.tmp")); /* left behind by a crash */
	io->list(io->self, letters->dir, note_number, letters);        /* none: no letter was ever written */
	rc = deadletter_walk(&walk, err);
	if (rc != LG_OK) {
		deadletters_close(letters);
		return lg_err_prepend(err, "dead letters of %s", output);
	}
	letters->count = walk.records;
	*out = letters;
	return LG_OK;
}

static void close_file(struct deadletters *letters)
{
	letters->spool->conf.io->close(letters->spool->conf.io->self, letters->handle);
	letters->handle = -1;
	crypt_free(letters->cipher);
	letters->cipher = NULL;
	frame_index_fini(&letters->index);
}

/* The file is used no more; it ends at its last durable letter. */
static void abandon(struct deadletters *letters)
{
	const struct sys_io *io = letters->spool->conf.io;

	if (letters->handle < 0)
		return;
	io->truncate(io->self, letters->handle, letters->index.end);
	close_file(letters);
}

/* A footer only saves time: where it cannot be written the file stays as it is. */
static void seal(struct deadletters *letters)
{
	const struct sys_io *io = letters->spool->conf.io;
	struct lg_buf footer = {0};
	struct iovec iov;

	if (letters->handle < 0)
		return;
	segment_footer_encode(letters->number, &letters->index, &footer);
	iov = (struct iovec){footer.data, footer.size};
	if (io->pwritev(io->self, letters->handle, &iov, 1, letters->index.end) < 0 || io->fsync(io->self, letters->handle) < 0) {
		abandon(letters);
	} else {
		add_bytes(letters->spool, footer.size, 0);
		close_file(letters);
	}
	lg_buf_fini(&footer);
}

void deadletters_close(struct deadletters *letters)
{
	if (!letters)
		return;
	seal(letters);
	crypt_free(letters->cipher); /* of a file that could not be made */
	pthread_mutex_destroy(&letters->mutex);
	free(letters);
}

/* ---- a new file ---- */

static enum lg_rc encode_header(struct deadletters *letters, uint64_t first_seq, struct lg_buf *bytes, struct lg_err *err)
{
	struct segment_header header = {.number = letters->next_number,
	        .first_seq = first_seq,
	        .created_ns = clock_utc(letters->spool->conf.clock),
	        .allocated = SEGMENT_PAGE};
	static const struct posmap none;
	struct keys *keys = letters->spool->keys;
	int rc = sys_random(header.crypt.salt, sizeof(header.crypt.salt));

	if (rc < 0)
		return lg_err_sys(err, -rc, "drawing a salt");
	crypt_free(letters->cipher);
	letters->cipher = NULL;
	if (keys) {
		enum lg_rc result;

		spool_reload_keys(letters->spool);
		keys_begin(keys, header.crypt.salt, &header.crypt);
		result = keys_cipher(keys, &header.crypt, true, &letters->cipher, err);
		if (result != LG_OK)
			return result;
	}
	memcpy(header.spool_id, letters->spool->state.spool_id, 16);
	return segment_header_encode(&header, &none, bytes, err);
}

static int make_dir(const struct deadletters *letters)
{
	const struct sys_io *io = letters->spool->conf.io;
	char parent[SPOOL_PATH_MAX];
	int rc = io->mkdir(io->self, spool_path(letters->spool, parent, "deadletter"));

	if (rc == 0)
		rc = io->mkdir(io->self, letters->dir);
	return rc < 0 ? rc : io->sync_dir(io->self, parent);
}

/* Named only once its header is durable, as every segment (SPOOL.md, "Create a segment"). */
static enum lg_rc create_file(struct deadletters *letters, uint64_t first_seq, struct lg_err *err)
{
	const struct sys_io *io = letters->spool->conf.io;
	char from[PATH_SIZE], to[PATH_SIZE], name[SEGMENT_NAME_SIZE];
	struct lg_buf header = {0};
	struct iovec iov;
	bool named = false;
	int rc = make_dir(letters), handle = -1;
	enum lg_rc result = encode_header(letters, first_seq, &header, err);

	if (result != LG_OK)
		goto done;
	segment_name(name, letters->next_number, first_seq);
	file_path(letters, from, "segment.tmp");
	file_path(letters, to, name);
	io->unlink(io->self, from);
	if (rc == 0)
		rc = handle = io->open(io->self, from, SYS_WRITE | SYS_CREATE | SYS_EXCLUSIVE);
	iov = (struct iovec){header.data, header.size};
	if (rc >= 0)
		rc = io->pwritev(io->self, handle, &iov, 1, 0);
	if (rc == 0)
		rc = io->fsync(io->self, handle);
	if (rc == 0)
		rc = io->rename(io->self, from, to);
	named = handle >= 0 && rc == 0;
	if (rc == 0)
		rc = io->sync_dir(io->self, letters->dir);
	letters->next_number++; /* a number is used once, whatever became of its file */
	if (rc < 0) {
		if (handle >= 0)
			io->close(io->self, handle);
		io->unlink(io->self, named ? to : from);
		result = lg_err_sys(err, -rc, "making a file in %s", letters->dir);
		goto done;
	}
	letters->number = letters->next_number - 1;
	letters->handle = handle;
	letters->index = (struct frame_index){.next_seq = first_seq, .end = header.size};
	add_bytes(letters->spool, header.size, 0);
done:
	lg_buf_fini(&header);
	return result;
}

/* ---- a letter ---- */

static void put_facts(struct lg_buf *facts, const char *reason, int64_t time_ns, uint32_t attempts)
{
	size_t size = strlen(reason);
	uint8_t bytes[8];
	struct lg_batch carrier = {0}; /* for its encoder of positions */

	size = size < LG_POSITION_VALUE_MAX ? size : LG_POSITION_VALUE_MAX;
	batch_put_position(&carrier, LG_STR("reason"), reason, size);
	wire_put_i64(bytes, time_ns);
	batch_put_position(&carrier, LG_STR("time"), bytes, 8);
	wire_put_u32(bytes, attempts);
	batch_put_position(&carrier, LG_STR("attempts"), bytes, 4);
	*facts = carrier.positions;
}

static bool unhex(uint8_t id[16], const char *hex)
{
	for (size_t i = 0; i < 16; i++) {
		unsigned byte;

		if (sscanf(hex + 2 * i, "%2x", &byte) != 1)
			return false;
		id[i] = (uint8_t)byte;
	}
	return true;
}

/* The header into `head`; the payload as it is stored into `stored`, encrypted where the file is. */
static enum lg_rc encode_frame(struct deadletters *letters, const struct lg_batch *batch, const struct lg_buf *facts, struct lg_buf *head,
        struct lg_buf *stored, struct lg_err *err)
{
	struct frame_header h = {.encryption = letters->cipher ? FRAME_ENCRYPT_AES256GCM : FRAME_ENCRYPT_NONE,
	        .spool_tag = spool_tag(letters->spool->state.spool_id),
	        .segment = letters->number,
	        .offset = letters->index.end,
	        .first_seq = batch->first_seq,
	        .count = batch->count,
	        .index = (uint32_t)letters->index.count,
	        .raw_size = (uint32_t)batch->raw.size,
	        .stored_size = (uint32_t)(batch->raw.size + (letters->cipher ? CRYPT_TAG_SIZE : 0)),
	        .first_ns = batch->first_ns,
	        .last_ns = batch->last_ns,
	        .durable_offset = letters->index.end, /* each letter is synced before the next one is written */
	        .input = lg_str_from(batch->input),
	        .positions = facts->data,
	        .positions_size = (uint32_t)facts->size,
	        .position_count = 3};
	struct lg_str aad[FRAME_AAD_PIECES];
	enum lg_rc rc = LG_OK;

	if (!unhex(h.log_id, batch->log_id))
		return lg_err_set(err, LG_INVALID, "dead letter: the batch has no log id");
	if (letters->cipher) { /* under the header as it will be, but for its CRCs */
		rc = frame_encode(&h, head, err);
		if (rc != LG_OK)
			return rc;
		frame_aad(head->data, h.header_size, aad);
		rc = crypt_seal(letters->cipher, h.index, aad, FRAME_AAD_PIECES, batch->raw.data, batch->raw.size, stored, err);
	} else {
		lg_buf_append(stored, batch->raw.data, batch->raw.size);
	}
	h.payload_crc = crc32c(0, stored->data, stored->size);
	lg_buf_clear(head);
	return rc == LG_OK ? frame_encode(&h, head, err) : rc;
}

static enum lg_rc append(struct deadletters *letters, const struct lg_batch *batch, const struct lg_buf *facts, struct lg_err *err)
{
	static const uint8_t zeros[FRAME_ALIGN];
	const struct sys_io *io = letters->spool->conf.io;
	struct lg_buf head = {0}, stored = {0};
	struct iovec iov[3];
	uint64_t size;
	enum lg_rc rc = encode_frame(letters, batch, facts, &head, &stored, err);
	int sys;

	if (rc != LG_OK) {
		abandon(letters); /* its next index may be used up */
		goto done;
	}
	size = (head.size + stored.size + FRAME_ALIGN - 1) / FRAME_ALIGN * FRAME_ALIGN;
	iov[0] = (struct iovec){head.data, head.size};
	iov[1] = (struct iovec){stored.data, stored.size};
	iov[2] = (struct iovec){(void *)(uintptr_t)zeros, size - head.size - stored.size};
	sys = io->pwritev(io->self, letters->handle, iov, 3, letters->index.end);
	if (sys == 0)
		sys = io->fdatasync(io->self, letters->handle);
	if (sys < 0) { /* a sync that failed is final for this file (SPOOL.md); the next try makes a new one */
		abandon(letters);
		rc = lg_err_sys(err, -sys, "writing a dead letter to %s", letters->dir);
		goto done;
	}
	frame_index_add(&letters->index,
	        &(struct frame_entry){letters->index.end, batch->first_seq, batch->first_ns, batch->last_ns});
	letters->index.end += size;
	if (batch->first_seq + batch->count > letters->index.next_seq)
		letters->index.next_seq = batch->first_seq + batch->count;
	letters->count += batch->count;
	add_bytes(letters->spool, size, 0);
done:
	lg_buf_fini(&head);
	lg_buf_fini(&stored);
	return rc;
}

enum lg_rc deadletters_put(
        struct deadletters *letters, const struct lg_batch *batch, const char *reason, uint32_t attempts, struct lg_err *err)
{
	struct spool *spool = letters->spool;
	struct lg_buf facts = {0};
	uint64_t size, need;
	enum lg_rc rc = LG_OK;

	put_facts(&facts, reason && *reason ? reason : "no reason given", clock_utc(spool->conf.clock), attempts);
	size = frame_header_size(strlen(batch->input), facts.size) + (uint64_t)batch->raw.size + CRYPT_TAG_SIZE + FRAME_ALIGN;
	need = size + SEGMENT_PAGE + 2 * segment_footer_size(1) + letters->index.count * sizeof(struct frame_entry);
	pthread_mutex_lock(&letters->mutex);
	rc = place_check(spool, err);
	if (rc != LG_OK)
		goto done;
	if (need > space_for_letters(spool)) {
		rc = lg_err_set(err, LG_FULL, "the dead letters have used up their part of the quota, a %dth: see `lugger dlq ls`, free it by `lugger dlq drop`",
		        DEADLETTER_QUOTA_PART);
		goto done;
	}
	if (letters->index.end + size > FILE_BYTES || letters->index.count >= SEGMENT_FRAMES_MAX)
		seal(letters);
	if (letters->handle < 0)
		rc = create_file(letters, batch->first_seq, err);
	if (rc == LG_OK)
		rc = append(letters, batch, &facts, err);
done:
	pthread_mutex_unlock(&letters->mutex);
	lg_buf_fini(&facts);
	return rc;
}

uint64_t deadletters_count(struct deadletters *letters)
{
	uint64_t count;

	pthread_mutex_lock(&letters->mutex);
	count = letters->count;
	pthread_mutex_unlock(&letters->mutex);
	return count;
}

enum lg_rc deadletters_drop(struct deadletters *letters, uint64_t *count, struct lg_err *err)
{
	struct spool *spool = letters->spool;
	char data_dir[SPOOL_PATH_MAX];
	struct deadletter_walk before = {.data_dir = data_dir, .io = spool->conf.io, .output = letters->output}, after;
	enum lg_rc rc;

	snprintf(data_dir, sizeof(data_dir), "%.*s", (int)(strlen(spool->dir) - strlen("/spool")), spool->dir);
	after = before;
	pthread_mutex_lock(&letters->mutex);
	abandon(letters);
	rc = deadletter_walk(&before, err);
	if (rc == LG_OK)
		rc = deadletter_remove(data_dir, spool->conf.io, letters->output, err);
	if (deadletter_walk(&after, NULL) == LG_OK) { /* a removal that failed half-way leaves the rest counted */
		letters->count = after.records;
		add_bytes(spool, 0, before.bytes - after.bytes);
	}
	*count = before.records - after.records;
	pthread_mutex_unlock(&letters->mutex);
	return rc;
}

/* ---- files as a whole ---- */

uint64_t deadletters_seal(struct deadletters *letters)
{
	uint64_t next;

	pthread_mutex_lock(&letters->mutex);
	seal(letters);
	next = letters->next_number;
	pthread_mutex_unlock(&letters->mutex);
	return next;
}

struct file_search {
	uint64_t from, end, found, first_seq; /* found 0: none yet */
};

static void note_file(void *arg, const char *name)
{
	struct file_search *search = arg;
	uint64_t number, first_seq;

	if (!segment_parse_name(name, &number, &first_seq) || number < search->from || number >= search->end)
		return;
	if (search->found && search->found < number)
		return;
	search->found = number;
	search->first_seq = first_seq;
}

static struct file_search find_file(struct deadletters *letters, uint64_t from, uint64_t end)
{
	const struct sys_io *io = letters->spool->conf.io;
	struct file_search search = {.from = from, .end = end};

	io->list(io->self, letters->dir, note_file, &search);
	return search;
}

uint64_t deadletters_next_file(struct deadletters *letters, uint64_t from, uint64_t end)
{
	return find_file(letters, from, end).found;
}

/* The letters that stay, in segment.tmp under the same number; each is synced. The salt is a new one (SPOOL.md, "Encryption"). */
static enum lg_rc write_kept(struct deadletters *file, uint64_t first_seq, const struct deadletter_kept *kept, size_t count, struct lg_err *err)
{
	const struct sys_io *io = file->spool->conf.io;
	struct lg_buf header = {0}, facts = {0};
	char path[PATH_SIZE];
	struct iovec iov;
	enum lg_rc rc = encode_header(file, first_seq, &header, err);
	int sys = 0;

	file->next_number++;
	if (rc != LG_OK)
		goto done;
	io->unlink(io->self, file_path(file, path, "segment.tmp"));
	sys = file->handle = io->open(io->self, path, SYS_WRITE | SYS_CREATE | SYS_EXCLUSIVE);
	iov = (struct iovec){header.data, header.size};
	if (sys >= 0)
		sys = io->pwritev(io->self, file->handle, &iov, 1, 0);
	if (sys < 0)
		rc = lg_err_sys(err, -sys, "writing %s", path);
	file->index.end = header.size;
	for (size_t i = 0; i < count && rc == LG_OK; i++) {
		put_facts(&facts, kept[i].reason, kept[i].time_ns, kept[i].attempts);
		rc = append(file, kept[i].batch, &facts, err);
		lg_buf_fini(&facts);
	}
	seal(file);
done:
	lg_buf_fini(&header);
	return rc;
}

enum lg_rc deadletters_replace(struct deadletters *letters, uint64_t number, const struct deadletter_kept *kept, size_t count, struct lg_err *err)
{
	const struct sys_io *io = letters->spool->conf.io;
	char data_dir[SPOOL_PATH_MAX], temp[PATH_SIZE], path[PATH_SIZE], name[SEGMENT_NAME_SIZE];
	struct deadletter_walk walk = {.data_dir = data_dir, .io = io, .output = letters->output, .file = number};
	struct deadletters file = {.spool = letters->spool, .handle = -1, .number = number, .next_number = number};
	struct file_search old;
	enum lg_rc rc;
	int sys = 0;

	snprintf(data_dir, sizeof(data_dir), "%.*s", (int)(strlen(letters->spool->dir) - strlen("/spool")), letters->spool->dir);
	memcpy(file.output, letters->output, sizeof(file.output));
	memcpy(file.dir, letters->dir, sizeof(file.dir));
	pthread_mutex_lock(&letters->mutex);
	old = find_file(letters, number, number + 1);
	rc = old.found ? deadletter_walk(&walk, err) : LG_OK;
	if (rc != LG_OK || !old.found)
		goto done; /* gone already: dropped by a person */
	segment_name(name, number, old.first_seq);
	file_path(letters, path, name);
	if (count)
		rc = write_kept(&file, old.first_seq, kept, count, err);
	if (rc != LG_OK)
		goto done;
	sys = count ? io->rename(io->self, file_path(letters, temp, "segment.tmp"), path) : io->unlink(io->self, path);
	if (sys == 0)
		sys = io->sync_dir(io->self, letters->dir);
	if (sys < 0) {
		rc = lg_err_sys(err, -sys, "replacing %s", path);
		goto done;
	}
	add_bytes(letters->spool, count ? SEGMENT_PAGE : 0, walk.bytes);
	letters->count -= walk.records < letters->count ? walk.records : letters->count;
	letters->count += file.count;
done:
	crypt_free(file.cipher);
	pthread_mutex_unlock(&letters->mutex);
	return rc;
}

/* ---- cutting records out of a batch ---- */

/* The record's entry, copied as it is but for the number of its origin, which this batch counts itself. */
static void copy_record(struct lg_batch *out, const struct lg_record *rec, uint16_t origin)
{
	const uint8_t *from = (const uint8_t *)rec->body.data - ENCODE_RECORD_FIXED;
	size_t size = ENCODE_RECORD_FIXED + rec->body.size + rec->fields.size;
	uint8_t *to = lg_buf_reserve(&out->raw, 4 + size);

	wire_put_u32(to, (uint32_t)size);
	memcpy(to + 4, from, size);
	wire_put_u16(to + 4 + 18, origin);
	out->raw.size += 4 + size;
	if (rec->received_ns < out->first_ns)
		out->first_ns = rec->received_ns;
	if (rec->received_ns > out->last_ns)
		out->last_ns = rec->received_ns;
	out->count++;
}

static uint16_t copy_origin(struct lg_batch *out, struct lg_str fields, uint16_t index)
{
	uint8_t *to = lg_buf_reserve(&out->raw, 6 + fields.size);

	wire_put_u32(to, (uint32_t)(2 + fields.size) | ENCODE_ORIGIN_BIT);
	wire_put_u16(to + 4, index);
	memcpy(to + 6, fields.data, fields.size);
	out->raw.size += 6 + fields.size;
	return index;
}

struct lg_batch *deadletter_slice(const struct lg_batch *batch, uint64_t first, uint64_t last)
{
	struct lg_batch *raw_of = batch_new(NULL, 0, batch->input), *out = NULL;
	uint16_t *known = mem_zalloc((batch->origin_count + 1) * sizeof(*known)), origins = 0;
	struct lg_batch_iter it;
	struct lg_record rec;
	enum lg_rc rc;

	lg_batch_begin(&it, batch, first);
	while (lg_batch_next(&it, &rec) && rec.seq <= last) {
		uint16_t was = wire_get_u16((const uint8_t *)rec.body.data - ENCODE_RECORD_FIXED + 18);

		if (was && !known[was])
			known[was] = copy_origin(raw_of, rec.origin, ++origins);
		copy_record(raw_of, &rec, known[was]);
	}
	/* Through the one place that checks a payload: it notes the origins, and a slice that were no payload would be found here. */
	rc = batch_from_payload(&out, &raw_of->raw, batch->input, batch->log_id, first > batch->first_seq ? first : batch->first_seq, raw_of->count, NULL, NULL);
	free(known);
	lg_batch_release(raw_of);
	return rc == LG_OK ? out : NULL;
}

/* The appender: open, append, commit, close. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/lugger_plugin.h"
#include "base/crc32c.h"
#include "base/log.h"
#include "base/wire.h"
#include "spool/impl.h"
#include "spool/lock.h"

#define PENDING_BYTES_MAX (8u << 20) /* weaker sync modes sync all the same when so much waits: it is held in memory */

char *spool_path(const struct spool *spool, char path[SPOOL_PATH_MAX], const char *name)
{
	snprintf(path, SPOOL_PATH_MAX, "%.*s/%s", SPOOL_PATH_MAX - 256, spool->dir, name);
	return path;
}

char *spool_segment_path(const struct spool *spool, char path[SPOOL_PATH_MAX], uint64_t number, uint64_t first_seq)
{
	char name[SEGMENT_NAME_SIZE];

	segment_name(name, number, first_seq);
	return spool_path(spool, path, name);
}

uint64_t spool_tag(const uint8_t spool_id[16])
{
	return wire_get_u64(spool_id);
}

void spool_hex(char out[33], const uint8_t id[16])
{
	for (int i = 0; i < 16; i++)
		snprintf(out + 2 * i, 3, "%02x", id[i]);
}

void spool_note_error(struct spool *spool, const struct lg_err *err)
{
	pthread_mutex_lock(&spool->lock);
	if (!err)
		spool->stat.error[0] = '\0';
	else
		snprintf(spool->stat.error, sizeof(spool->stat.error), "%.*s", (int)sizeof(spool->stat.error) - 1, err->text);
	pthread_mutex_unlock(&spool->lock);
}

static struct spool *spool_new(const struct spool_conf *conf)
{
	struct spool *spool = mem_zalloc(sizeof(*spool));

	spool->conf = *conf;
	spool->conf.data_dir = spool->conf.key_file = NULL;
	if (spool->conf.segment_size > conf->max_size / 4)
		spool->conf.segment_size = conf->max_size / 4 / SEGMENT_PAGE * SEGMENT_PAGE;
	snprintf(spool->dir, sizeof(spool->dir), "%.*s/spool", SPOOL_PATH_MAX - 256, conf->data_dir);
	spool->lock_handle = spool->state_handle = spool->tip.handle = -1;
	pthread_mutex_init(&spool->lock, NULL);
	pthread_mutex_init(&spool->index_lock, NULL);
	return spool;
}

struct spool *spool_new_peek(const struct spool_conf *conf)
{
	struct spool *spool = spool_new(conf);

	spool->peek = true;
	return spool;
}

static enum lg_rc make_dirs(struct spool *spool, const char *data_dir, struct lg_err *err)
{
	static const char *const names[] = {"quarantine", "deadletter"};
	const struct sys_io *io = spool->conf.io;
	char path[SPOOL_PATH_MAX];
	int rc = io->mkdir(io->self, spool->dir);

	if (rc == 0)
		rc = io->sync_dir(io->self, data_dir);
	for (size_t i = 0; rc == 0 && i < 2; i++)
		rc = io->mkdir(io->self, spool_path(spool, path, names[i]));
	if (rc == 0)
		rc = io->sync_dir(io->self, spool->dir);
	return rc < 0 ? lg_err_sys(err, -rc, "creating %s", spool->dir) : LG_OK;
}

static enum lg_rc start_log(struct spool *spool, struct lg_err *err)
{
	uint8_t id[16];
	int rc = sys_random(id, sizeof(id));
	enum lg_rc result;

	if (rc < 0)
		return lg_err_sys(err, -rc, "drawing a log id");
	memcpy(spool->state.log_id, id, sizeof(id));
	spool_hex(spool->stat.log_id, id);
	spool_hex(spool->stat.spool_id, spool->state.spool_id);
	spool->ranges = mem_grow(spool->ranges, &spool->range_cap, spool->range_count + 1, sizeof(*spool->ranges));
	memcpy(spool->ranges[spool->range_count].log_id, id, sizeof(id));
	spool->ranges[spool->range_count++].first_seq = spool->next_seq;
	result = roll_create_first(spool, err);
	if (result == LG_NOSPACE) {
		log_warning("spool %s: %s; records are refused until space returns", spool->dir, err->text);
		spool_note_error(spool, err);
		result = LG_OK;
	}
	return result;
}

/* What an operator can do about it, behind what happened. */
static void add_remedy(struct lg_err *err)
{
	static const struct {
		int error;
		const char *remedy;
	} remedies[] = {
	        {EACCES, "data_dir and all that is in it has to belong to the user Lugger runs as"},
	        {EPERM, "data_dir and all that is in it has to belong to the user Lugger runs as"},
	        {EROFS, "its file system is read-only: the system's log says why"},
	        {EIO, "the disk does not give it; nothing was overwritten: copy data_dir to a sound disk, then ask `lugger spool verify`"},
	        {EMFILE, "the limit of open files is too low"},
	        {ENFILE, "the system's limit of open files is reached"},
	        {ENOSPC, "the file system is full: a new spool needs room for its state and one segment"},
	};
	size_t used = strlen(err->text);

	for (size_t i = 0; i < sizeof(remedies) / sizeof(remedies[0]); i++)
		if (remedies[i].error == err->sys_errno)
			snprintf(err->text + used, sizeof(err->text) - used, "; %s", remedies[i].remedy);
}

/* Which log goes on from where; and what can be known of a spool that was put here: its lock file is another one than the last start left. */
static void say_start(const struct spool *spool, const struct lock_past *past, int64_t written_ns)
{
	char when[32] = "";

	if (written_ns)
		clock_format_utc(written_ns, 0, when);
	log_info("spool %s: log %s begins at record %llu%s%s", spool->dir, spool->stat.log_id, (unsigned long long)spool->next_seq,
	        written_ns ? ", its state is of " : "", when);
	if (spool_lock_copied(spool->conf.io, spool->lock_handle, past))
		log_warning("spool %s: these files are a copy of those that the last start, at %s on %s, wrote: a restored backup, or a copied data_dir. "
		            "No identity is given twice, records from %llu on have the new log id. What was delivered after the copy was made "
		            "is delivered again; what arrived after it is read again from files, and missing where its source cannot be read again. "
		            "If the other copy runs too, both deliver",
		        spool->dir, past->started[0] ? past->started : "an unknown time", past->host[0] ? past->host : "an unknown host",
		        (unsigned long long)spool->next_seq);
}

enum lg_rc spool_open(struct spool **out, const struct spool_conf *conf, struct lg_err *err)
{
	struct spool *spool = spool_new(conf);
	struct lock_past past = {0};
	struct lg_err local;
	int64_t written_ns = 0;
	enum lg_rc rc = LG_OK;

	err = err ? err : &local;
	*out = NULL;
	if (strlen(conf->data_dir) > SPOOL_PATH_MAX - 512 || spool->conf.segment_size < 4 * SEGMENT_PAGE) {
		rc = lg_err_set(err, LG_INVALID, "max_size must hold four segments of 16 KiB at least");
		goto done;
	}
	if (conf->key_file)
		rc = keys_open(&spool->keys, conf->key_file, conf->data_dir, err); /* before anything is touched */
	if (rc == LG_OK)
		rc = make_dirs(spool, conf->data_dir, err);
	if (rc == LG_OK)
		rc = spool_lock_take(conf->io, spool->dir, &spool->lock_handle, &past, err);
	if (rc == LG_OK)
		rc = recover_spool(spool, err);
	written_ns = spool->state.written_ns;
	if (rc == LG_OK)
		rc = start_log(spool, err);
	if (rc == LG_OK)
		rc = space_store_state(spool, err);
	if (rc == LG_OK)
		recover_finish(spool);
done:
	if (rc != LG_OK) {
		lg_err_prepend(err, "spool %s", spool->dir);
		add_remedy(err);
		spool->state_dirty = false;
		spool_close(spool);
		return rc;
	}
	say_start(spool, &past, written_ns);
	spool_lock_sign(conf->io, spool->lock_handle);
	spool->last_sync_ns = clock_mono(conf->clock);
	*out = spool;
	return LG_OK;
}

void spool_close(struct spool *spool)
{
	const struct sys_io *io;
	struct lg_err err;

	if (!spool)
		return;
	io = spool->conf.io;
	if (!spool->peek && spool->pending_count && spool_sync(spool, &err) != LG_OK)
		log_error("spool %s: at the end: %s", spool->dir, err.text);
	if (spool->state.rebuilt && spool->last_place_ns) { /* it was in use: every output has its cursor */
		spool->state.rebuilt = false;
		spool->state_dirty = !spool->peek;
	}
	if (!spool->peek && spool->state_handle >= 0 && spool->state_dirty && space_store_state(spool, &err) != LG_OK)
		log_error("spool %s: at the end: %s", spool->dir, err.text);
	if (spool->tip.handle >= 0)
		io->close(io->self, spool->tip.handle);
	if (spool->state_handle >= 0)
		io->close(io->self, spool->state_handle);
	if (spool->lock_handle >= 0)
		io->close(io->self, spool->lock_handle);
	for (size_t i = 0; i < spool->pending_count; i++)
		lg_batch_release(spool->pending[i].batch);
	pthread_mutex_lock(&spool->lock);
	tail_shrink(spool, 0);
	pthread_mutex_unlock(&spool->lock);
	free(spool->tail);
	free(spool->pending);
	free(spool->ranges);
	free(spool->segs);
	free(spool->doomed);
	frame_index_fini(&spool->index);
	frame_index_fini(&spool->old_index);
	frame_index_fini(&spool->cached);
	posmap_fini(&spool->positions);
	lg_buf_fini(&spool->head);
	lg_buf_fini(&spool->bytes);
	lg_buf_fini(&spool->sealed);
	crypt_free(spool->cipher);
	keys_close(spool->keys);
	pthread_mutex_destroy(&spool->lock);
	pthread_mutex_destroy(&spool->index_lock);
	free(spool);
}

void spool_on_commit(struct spool *spool, void (*wake)(void *arg), void *arg)
{
	spool->wake = wake;
	spool->wake_arg = arg;
}

static uint64_t batch_frame_size(const struct spool *spool, const struct lg_batch *batch)
{
	const struct lg_buf *payload = batch->codec == BATCH_CODEC_NONE ? &batch->raw : &batch->stored;
	uint64_t size = frame_header_size(strlen(batch->input), batch->positions.size) + (uint64_t)payload->size;

	size += spool->keys ? CRYPT_TAG_SIZE : 0;
	return (size + FRAME_ALIGN - 1) / FRAME_ALIGN * FRAME_ALIGN;
}

static void fill_header(struct spool *spool, struct lg_batch *batch, const struct lg_buf *payload, struct frame_header *h)
{
	int64_t now = batch->count ? 0 : clock_utc(spool->conf.clock);

	*h = (struct frame_header){
	        .codec = batch->codec,
	        .spool_tag = spool_tag(spool->state.spool_id),
	        .segment = spool->prev_number,
	        .offset = spool->tip.end,
	        .first_seq = batch->first_seq,
	        .count = batch->count,
	        .index = (uint32_t)spool->index.count,
	        .raw_size = (uint32_t)batch->raw.size,
	        .stored_size = (uint32_t)payload->size,
	        .first_ns = batch->count ? batch->first_ns : now,
	        .last_ns = batch->count ? batch->last_ns : now,
	        .durable_upto = spool->durable_next,
	        .durable_offset = spool->prev_end,
	        .input = lg_str_from(batch->input),
	        .positions = batch->positions.data,
	        .positions_size = (uint32_t)batch->positions.size,
	        .position_count = (uint16_t)batch->position_count,
	};
	memcpy(h->log_id, spool->state.log_id, 16);
}

/* The payload encrypted into spool->sealed, under the header as it will be written but for its CRCs. */
static enum lg_rc seal_payload(struct spool *spool, struct frame_header *h, const struct lg_buf **payload, struct lg_err *err)
{
	struct lg_str aad[FRAME_AAD_PIECES];
	enum lg_rc rc;

	h->encryption = FRAME_ENCRYPT_AES256GCM;
	h->stored_size += CRYPT_TAG_SIZE;
	lg_buf_clear(&spool->head);
	rc = frame_encode(h, &spool->head, err);
	if (rc != LG_OK)
		return rc;
	frame_aad(spool->head.data, h->header_size, aad);
	lg_buf_clear(&spool->sealed);
	rc = crypt_seal(
	        spool->cipher, h->index, aad, FRAME_AAD_PIECES, (*payload)->data, (*payload)->size, &spool->sealed, err);
	*payload = &spool->sealed;
	return rc;
}

/* Writes a numbered batch at the tip's end. */
static enum lg_rc write_frame(struct spool *spool, struct lg_batch *batch, struct lg_err *err)
{
	static const uint8_t zeros[FRAME_ALIGN];
	const struct sys_io *io = spool->conf.io;
	const struct lg_buf *payload = batch->codec == BATCH_CODEC_NONE ? &batch->raw : &batch->stored;
	struct frame_header h;
	struct iovec iov[3];
	enum lg_rc result;
	int rc;

	fill_header(spool, batch, payload, &h);
	result = spool->keys ? seal_payload(spool, &h, &payload, err) : LG_OK;
	h.payload_crc = crc32c(0, payload->data, payload->size);
	lg_buf_clear(&spool->head);
	if (result == LG_OK)
		result = frame_encode(&h, &spool->head, err);
	if (result != LG_OK)
		return result;
	iov[0] = (struct iovec){spool->head.data, spool->head.size};
	iov[1] = (struct iovec){payload->data, payload->size};
	iov[2] = (struct iovec){(void *)(uintptr_t)zeros, frame_size(&h) - h.header_size - payload->size};
	rc = io->pwritev(io->self, spool->tip.handle, iov, 3, spool->tip.end);
	if (rc < 0)
		return lg_err_sys(err, -rc, "writing to segment %llu", (unsigned long long)spool->prev_number);
	pthread_mutex_lock(&spool->lock);
	frame_index_add(&spool->index, &(struct frame_entry){h.offset, h.first_seq, h.first_ns, h.last_ns});
	spool->tip.end += frame_size(&h);
	spool->index.next_seq = h.first_seq + h.count;
	spool->index.end = spool->tip.end;
	spool->stat.appended_records += h.count;
	spool->stat.appended_raw_bytes += h.raw_size;
	spool->stat.appended_stored_bytes += frame_size(&h);
	pthread_mutex_unlock(&spool->lock);
	return LG_OK;
}

static bool tip_fits(const struct spool *spool, uint64_t frame_bytes)
{
	return spool->tip.handle >= 0 && spool->index.count < SEGMENT_FRAMES_MAX &&
	       spool->tip.end + frame_bytes + segment_footer_size(spool->index.count + 1) <= spool->tip.size;
}

/* Another key came into use, and the quota has room for the segment that begins with it. */
static bool may_turn_key(struct spool *spool)
{
	return spool->keys && keys_in_use(spool->keys) != spool->cipher_key && space_for_segment(spool, spool->conf.segment_size);
}

/* A tip with room for the frame, encrypted with the key in use. */
static enum lg_rc make_room(struct spool *spool, uint64_t frame_bytes, struct lg_err *err)
{
	uint64_t need = frame_bytes + 2 * SEGMENT_PAGE;
	enum lg_rc rc;

	if (tip_fits(spool, frame_bytes) && !may_turn_key(spool))
		return LG_OK;
	if (need > spool->conf.max_size / 2)
		return lg_err_set(
		        err, LG_INVALID, "a frame of %llu bytes is too large for this quota", (unsigned long long)frame_bytes);
	if (!space_for_segment(spool, need > spool->conf.segment_size ? need : spool->conf.segment_size))
		return lg_err_set(err, LG_FULL, "the quota is used up");
	rc = roll_seal(spool, err);
	return rc == LG_OK ? roll_create(spool, frame_bytes, err) : rc;
}

bool spool_has_room(struct spool *spool, uint64_t bytes)
{
	uint64_t need = bytes + 2 * SEGMENT_PAGE;

	return tip_fits(spool, bytes) || space_for_segment(spool, need > spool->conf.segment_size ? need : spool->conf.segment_size);
}

enum lg_rc spool_append(struct spool *spool, struct lg_batch *batch, struct lg_err *err)
{
	struct lg_err local;
	enum lg_rc rc;

	err = err ? err : &local;
	if (spool->broken)
		return lg_err_set(err, LG_IO, "the segment failed: commit has to repair it first");
	if (spool->next_seq > COUNTER_END - batch->count)
		return lg_err_set(err, LG_INVALID, "the sequences are used up: begin with an empty data_dir when the outputs have what there is");
	if (batch->position_count > UINT16_MAX)
		return lg_err_set(err, LG_INVALID, "a frame of %u positions: more than %u do not fit one", batch->position_count, UINT16_MAX);
	rc = make_room(spool, batch_frame_size(spool, batch), err);
	if (rc == LG_OK) {
		batch->first_seq = spool->next_seq;
		memcpy(batch->log_id, spool->stat.log_id, sizeof(batch->log_id));
		rc = write_frame(spool, batch, err);
		if (rc == LG_IO || rc == LG_NOSPACE || rc == LG_NOMEM || rc == LG_NOTFOUND)
			roll_abandon(spool);
	}
	pthread_mutex_lock(&spool->lock);
	spool->stat.full = rc == LG_FULL;
	pthread_mutex_unlock(&spool->lock);
	if (rc != LG_OK) {
		if (rc != LG_FULL)
			spool_note_error(spool, err);
		return rc;
	}
	lg_batch_hold(batch);
	spool->pending = mem_grow(spool->pending, &spool->pending_cap, spool->pending_count + 1, sizeof(*spool->pending));
	spool->pending[spool->pending_count++].batch = batch;
	spool->pending_bytes += batch_memory(batch);
	spool->next_seq += batch->count;
	spool->append_count++;
	return LG_OK;
}

/* After a failure: a new segment that begins with the first sequence that is not durable, and in it again whatever waits. */
static enum lg_rc repair(struct spool *spool, struct lg_err *err)
{
	uint64_t bytes = 0;
	enum lg_rc rc;

	for (size_t i = 0; i < spool->pending_count; i++)
		bytes += batch_frame_size(spool, spool->pending[i].batch) + segment_footer_size(1);
	rc = roll_create(spool, bytes, err);
	if (rc != LG_OK)
		return rc;
	for (size_t i = 0; i < spool->pending_count; i++) {
		rc = write_frame(spool, spool->pending[i].batch, err);
		if (rc != LG_OK) {
			roll_abandon(spool);
			return rc;
		}
	}
	log_notice("spool %s: went on in segment %llu after a failure", spool->dir, (unsigned long long)spool->prev_number);
	spool->broken = false;
	return LG_OK;
}

enum lg_rc spool_sync(struct spool *spool, struct lg_err *err)
{
	const struct sys_io *io = spool->conf.io;
	int64_t began = clock_mono(spool->conf.clock), took;
	enum lg_rc result = LG_OK;
	int rc;

	if (spool->broken)
		result = repair(spool, err);
	if (result == LG_OK && spool->pending_count) {
		rc = io->fdatasync(io->self, spool->tip.handle);
		if (rc < 0) {
			result = lg_err_sys(err, -rc, "syncing segment %llu", (unsigned long long)spool->prev_number);
			roll_abandon(spool);
		}
	}
	if (result == LG_OK && spool->pending_count)
		result = place_confirm(spool, err);
	if (result != LG_OK) {
		spool_note_error(spool, err);
		return result;
	}
	if (spool->pending_count)
		roll_publish(spool);
	spool->last_sync_ns = clock_mono(spool->conf.clock);
	took = spool->last_sync_ns - began;
	pthread_mutex_lock(&spool->lock);
	spool->stat.commits++;
	spool->stat.commit_ns_total += (uint64_t)took;
	if ((uint64_t)took > spool->stat.commit_ns_max)
		spool->stat.commit_ns_max = (uint64_t)took;
	spool->stat.error[0] = '\0';
	pthread_mutex_unlock(&spool->lock);
	if (spool->wake)
		spool->wake(spool->wake_arg);
	return LG_OK;
}

static bool sync_due(const struct spool *spool)
{
	if (spool->broken || spool->conf.sync == SPOOL_SYNC_ALWAYS || spool->pending_bytes > PENDING_BYTES_MAX)
		return true;
	return spool->conf.sync == SPOOL_SYNC_INTERVAL &&
	       clock_mono(spool->conf.clock) - spool->last_sync_ns >= spool->conf.sync_interval_ns;
}

enum lg_rc spool_commit(struct spool *spool, struct lg_err *err)
{
	struct lg_err local;

	if (!spool->broken && !spool->pending_count)
		return LG_OK;
	if (!sync_due(spool))
		return LG_OK;
	return spool_sync(spool, err ? err : &local);
}

int64_t spool_maintain(struct spool *spool, bool now)
{
	int64_t mono = clock_mono(spool->conf.clock), next = mono + IDLE_INTERVAL_NS;
	struct lg_err err;
	bool dirty;

	if (spool->pending_count && !spool->broken && (now || sync_due(spool)) && spool_sync(spool, &err) != LG_OK)
		log_error("spool %s: %s", spool->dir, err.text);
	pthread_mutex_lock(&spool->lock);
	dirty = spool->state_dirty;
	pthread_mutex_unlock(&spool->lock);
	if (dirty && (now || mono - spool->last_state_ns >= STATE_INTERVAL_NS)) {
		if (space_store_state(spool, &err) != LG_OK)
			spool_note_error(spool, &err);
		spool->last_state_ns = mono;
	} else if (dirty) {
		next = spool->last_state_ns + STATE_INTERVAL_NS;
	}
	place_watch(spool, mono);
	if (!spool->displaced) {
		space_reclaim(spool);
		space_unlink_doomed(spool);
		roll_keep_spare(spool);
	}
	if (spool->pending_count && spool->conf.sync == SPOOL_SYNC_INTERVAL &&
	        spool->last_sync_ns + spool->conf.sync_interval_ns < next)
		next = spool->last_sync_ns + spool->conf.sync_interval_ns;
	return next;
}

uint64_t spool_durable_next(struct spool *spool)
{
	uint64_t seq;

	pthread_mutex_lock(&spool->lock);
	seq = spool->durable_next;
	pthread_mutex_unlock(&spool->lock);
	return seq;
}

uint64_t spool_durable_appends(struct spool *spool)
{
	uint64_t count;

	pthread_mutex_lock(&spool->lock);
	count = spool->durable_appends;
	pthread_mutex_unlock(&spool->lock);
	return count;
}

/* Dead letters from their files: walked, counted, removed. No daemon is needed, and none is disturbed. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/wire.h"
#include "spool/deadletter.h"
#include "spool/impl.h"

#define PATH_SIZE (SPOOL_PATH_MAX + 192)

struct names {
	char (*items)[256];
	size_t count, cap;
	bool segments; /* only names of segments */
};

static void add_name(void *arg, const char *name)
{
	struct names *names = arg;
	uint64_t number, first_seq;

	if (strlen(name) >= sizeof(*names->items) || (names->segments && !segment_parse_name(name, &number, &first_seq)))
		return;
	names->items = mem_grow(names->items, &names->cap, names->count + 1, sizeof(*names->items));
	snprintf(names->items[names->count++], sizeof(*names->items), "%s", name);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(a, b);
}

/* The names in a directory, in order; none where there is no directory. */
static enum lg_rc list_names(const struct sys_io *io, const char *path, bool segments, struct names *names, struct lg_err *err)
{
	int rc;

	*names = (struct names){.segments = segments};
	rc = io->list(io->self, path, add_name, names);
	if (rc < 0 && rc != -ENOENT && rc != -ENOTDIR)
		return lg_err_sys(err, -rc, "listing %s", path);
	if (names->count)
		qsort(names->items, names->count, sizeof(*names->items), by_name);
	return LG_OK;
}

/* ---- one file ---- */

struct reading {
	struct deadletter_walk *walk;
	const char *output;
	int handle;
	uint64_t number;
	struct codec *codec;
	struct keys *keys;   /* NULL: no key file was named */
	struct crypt *crypt; /* of the file, once a letter had to be decrypted */
};

static void say(struct reading *r, uint64_t at, const char *what)
{
	char line[256];

	snprintf(line, sizeof(line), "dead letters of %s: segment %llu: at %llu: %s", r->output, (unsigned long long)r->number,
	        (unsigned long long)at, what);
	if (r->walk->say)
		r->walk->say(r->walk->arg, line);
}

static bool read_facts(const struct frame_header *h, struct deadletter *letter)
{
	const uint8_t *at = h->positions, *end = at + h->positions_size;
	struct batch_position fact;
	bool bad;

	while (batch_position_next(&at, end, &fact, &bad)) {
		if (lg_str_is(fact.key, "reason"))
			letter->reason = (struct lg_str){(const char *)fact.value, fact.size};
		else if (lg_str_is(fact.key, "time") && fact.size == 8)
			letter->time_ns = wire_get_i64(fact.value);
		else if (lg_str_is(fact.key, "attempts") && fact.size == 4)
			letter->attempts = wire_get_u32(fact.value);
	}
	return !bad;
}

/* `stored` becomes what was encrypted. */
static enum lg_rc decrypt(struct reading *r, const struct frame_header *h, struct lg_buf *stored, struct lg_err *err)
{
	const struct sys_io *io = r->walk->io;
	struct lg_str aad[FRAME_AAD_PIECES];
	struct crypt_params params;
	struct lg_buf head = {0};
	enum lg_rc rc = LG_OK;

	if (h->encryption == FRAME_ENCRYPT_NONE)
		return LG_OK;
	if (!r->crypt) {
		rc = segment_crypt_read(&params, io, r->handle, r->number, SEGMENT_HEADER_MAX, err);
		if (rc == LG_OK)
			rc = keys_cipher(r->keys, &params, false, &r->crypt, err);
		if (rc != LG_OK)
			return rc;
	}
	if (io->pread(io->self, r->handle, lg_buf_reserve(&head, h->header_size), h->header_size, h->offset) != (ssize_t)h->header_size) {
		rc = lg_err_set(err, LG_IO, "cannot be read");
	} else {
		frame_aad(head.data, h->header_size, aad);
		rc = crypt_open(r->crypt, h->index, aad, FRAME_AAD_PIECES, stored);
	}
	lg_buf_fini(&head);
	return rc;
}

static enum lg_rc read_records(struct reading *r, const struct frame_header *h, struct lg_batch **batch, struct lg_err *err)
{
	const struct sys_io *io = r->walk->io;
	struct lg_buf stored = {0}, raw = {0};
	char input[SPOOL_NAME_SIZE], log_id[33];
	enum lg_rc rc = LG_OK;
	ssize_t n = io->pread(
	        io->self, r->handle, lg_buf_reserve(&stored, h->stored_size + 1), h->stored_size, h->offset + h->header_size);

	if (n != (ssize_t)h->stored_size) {
		rc = lg_err_set(err, LG_IO, "cannot be read");
		goto done;
	}
	stored.size = (size_t)n;
	rc = decrypt(r, h, &stored, err);
	if (rc == LG_OK && h->codec == BATCH_CODEC_ZSTD)
		rc = codec_expand(r->codec, stored.data, stored.size, h->raw_size, &raw, err);
	else if (rc == LG_OK)
		lg_buf_append(&raw, stored.data, stored.size);
	snprintf(input, sizeof(input), "%.*s", (int)(h->input.size < sizeof(input) ? h->input.size : sizeof(input) - 1), h->input.data);
	spool_hex(log_id, h->log_id);
	if (rc == LG_OK)
		rc = batch_from_payload(batch, &raw, input, log_id, h->first_seq, h->count, NULL, err);
done:
	lg_buf_fini(&stored);
	lg_buf_fini(&raw);
	return rc;
}

/* last: nothing but its own end can follow, so what does not verify may be a write that never ended. */
static void read_letter(struct reading *r, const struct scan_item *item, bool last)
{
	struct deadletter_walk *walk = r->walk;
	const struct frame_header *h = &item->frame;
	struct deadletter letter = {
	        .output = r->output, .segment = r->number, .offset = item->from, .first_seq = h->first_seq, .count = h->count};
	struct lg_batch *batch = NULL;
	struct lg_err err = {0};
	int error;

	if ((walk->payloads || last) && segment_payload_check(walk->io, r->handle, h, item->from, &error) != LG_OK) {
		*(last ? &walk->torn : &walk->damaged) += 1;
		say(r, item->from, last ? "an unfinished letter; its records were not settled" : "the letter does not verify");
		return;
	}
	if (!read_facts(h, &letter) || (walk->payloads && read_records(r, h, &batch, &err) != LG_OK)) {
		walk->damaged++;
		say(r, item->from, err.text[0] ? err.text : "the letter cannot be decoded");
		return;
	}
	letter.batch = batch;
	walk->decisions++;
	walk->records += h->count;
	if (walk->each)
		walk->each(walk->arg, &letter);
	lg_batch_release(batch);
}

static enum lg_rc scan_file(struct reading *r, uint64_t tag, uint64_t from, uint64_t end, bool sealed, struct lg_err *err)
{
	struct segment_scan scan;
	struct scan_item item;
	enum scan_kind kind;

	segment_scan_begin(&scan, r->walk->io, r->handle, r->number, tag, from, end);
	while ((kind = segment_scan_next(&scan, &item)) == SCAN_FRAME || kind == SCAN_BAD) {
		bool last = !sealed && item.to >= end;

		if (kind == SCAN_FRAME) {
			read_letter(r, &item, last);
			continue;
		}
		last = !sealed && scan.at >= end;
		*(last ? &r->walk->torn : &r->walk->damaged) += 1;
		say(r, item.from, last ? "an unfinished letter; its records were not settled" : "no letter's header verifies here");
	}
	segment_scan_end(&scan);
	if (kind == SCAN_UNSUPPORTED)
		return lg_err_set(err, LG_UNSUPPORTED, "segment %llu: written by a later version of Lugger", (unsigned long long)r->number);
	return kind == SCAN_ERROR ? lg_err_sys(err, -scan.error, "segment %llu", (unsigned long long)r->number) : LG_OK;
}

static enum lg_rc read_file(struct reading *r, const char *path, struct lg_err *err)
{
	const struct sys_io *io = r->walk->io;
	struct segment_header header;
	struct frame_index index = {0};
	uint64_t from = SEGMENT_PAGE, tag = 0;
	enum lg_rc rc = LG_OK;
	int64_t size;
	bool sealed;

	r->handle = io->open(io->self, path, SYS_READ);
	if (r->handle == -ENOENT)
		return LG_OK; /* dropped meanwhile */
	if (r->handle < 0)
		return lg_err_sys(err, -r->handle, "opening %s", path);
	size = io->size(io->self, r->handle);
	if (size < 0) {
		rc = lg_err_sys(err, (int)-size, "%s", path);
		goto done;
	}
	r->walk->files++;
	r->walk->bytes += (uint64_t)size;
	rc = segment_header_read(&header, NULL, io, r->handle, r->number, err);
	if (rc == LG_OK) {
		from = header.size;
		tag = spool_tag(header.spool_id);
	} else if (rc == LG_CORRUPT) {
		r->walk->damaged++;
		say(r, 0, "the header does not verify");
	} else {
		goto done;
	}
	segment_header_fini(&header);
	sealed = segment_footer_read(&index, io, r->handle, r->number, (uint64_t)size) == LG_OK;
	rc = scan_file(r, tag, from, sealed ? index.end : (uint64_t)size, sealed, err);
	frame_index_fini(&index);
done:
	crypt_free(r->crypt);
	r->crypt = NULL;
	io->close(io->self, r->handle);
	return rc;
}

/* ---- all of them ---- */

static enum lg_rc walk_output(struct deadletter_walk *walk, const char *output, struct codec *codec, struct keys *keys, struct lg_err *err)
{
	struct reading r = {.walk = walk, .output = output, .codec = codec, .keys = keys};
	char dir[PATH_SIZE], path[PATH_SIZE + 64];
	struct names names;
	uint64_t first_seq;
	enum lg_rc rc;

	snprintf(dir, sizeof(dir), "%.*s/spool/deadletter/%.255s", SPOOL_PATH_MAX - 256, walk->data_dir, output);
	rc = list_names(walk->io, dir, true, &names, err);
	for (size_t i = 0; i < names.count && rc == LG_OK; i++) {
		snprintf(path, sizeof(path), "%s/%.40s", dir, names.items[i]);
		if (segment_parse_name(names.items[i], &r.number, &first_seq) && (!walk->file || walk->file == r.number))
			rc = read_file(&r, path, err);
	}
	free(names.items);
	return rc;
}

static enum lg_rc list_outputs(const char *data_dir, const struct sys_io *io, const char *output, struct names *names, struct lg_err *err)
{
	char dir[PATH_SIZE];

	snprintf(dir, sizeof(dir), "%.*s/spool/deadletter", SPOOL_PATH_MAX - 256, data_dir);
	if (!output)
		return list_names(io, dir, false, names, err);
	*names = (struct names){0};
	if (!output[0] || output[0] == '.' || strchr(output, '/'))
		return lg_err_set(err, LG_INVALID, "%.80s is no output's name", output);
	add_name(names, output);
	return LG_OK;
}

enum lg_rc deadletter_walk(struct deadletter_walk *walk, struct lg_err *err)
{
	struct codec *codec = codec_new(1);
	struct names names;
	struct keys *keys = NULL;
	enum lg_rc rc = list_outputs(walk->data_dir, walk->io, walk->output, &names, err);

	if (rc == LG_OK && walk->payloads && walk->key_file)
		rc = keys_open(&keys, walk->key_file, walk->data_dir, err);
	for (size_t i = 0; i < names.count && rc == LG_OK; i++)
		rc = walk_output(walk, names.items[i], codec, keys, err);
	free(names.items);
	keys_close(keys);
	codec_free(codec);
	return rc;
}

static enum lg_rc remove_output(const char *data_dir, const struct sys_io *io, const char *output, struct lg_err *err)
{
	char dir[PATH_SIZE], path[PATH_SIZE + 64];
	struct names names;
	enum lg_rc rc;
	int sys = 0;

	snprintf(dir, sizeof(dir), "%.*s/spool/deadletter/%.255s", SPOOL_PATH_MAX - 256, data_dir, output);
	rc = list_names(io, dir, true, &names, err);
	for (size_t i = 0; i < names.count && rc == LG_OK && sys == 0; i++) {
		snprintf(path, sizeof(path), "%s/%.40s", dir, names.items[i]);
		sys = io->unlink(io->self, path);
	}
	if (sys == 0 && names.count && rc == LG_OK)
		sys = io->sync_dir(io->self, dir);
	if (sys < 0)
		rc = lg_err_sys(err, -sys, "removing from %s", dir);
	free(names.items);
	return rc;
}

enum lg_rc deadletter_remove(const char *data_dir, const struct sys_io *io, const char *output, struct lg_err *err)
{
	struct names names;
	enum lg_rc rc = list_outputs(data_dir, io, output, &names, err);

	for (size_t i = 0; i < names.count && rc == LG_OK; i++)
		rc = remove_output(data_dir, io, names.items[i], err);
	free(names.items);
	return rc;
}

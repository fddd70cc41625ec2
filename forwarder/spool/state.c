#include "spool/state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/crc32c.h"
#include "base/mem.h"
#include "base/wire.h"

static const uint8_t magic[8] = {0xF5, 'L', 'G', 'S', 'T', 'A', 'T', '1'};

#define STATE_VERSION 1
#define FLAG_REBUILT 1

enum {
	AT_VERSION = 8,
	AT_FLAGS = 10,
	AT_SIZE = 12,
	AT_GENERATION = 16,
	AT_SPOOL_ID = 24,
	AT_LOG_ID = 40,
	AT_WRITTEN = 56,
	AT_SEGMENT = 64,
	AT_DURABLE_OFFSET = 72,
	AT_DURABLE_UPTO = 80,
	AT_NEXT_NUMBER = 88,
	AT_LOW_NUMBER = 96,
	AT_LOW_SEQ = 104,
	AT_CURSORS = 112,
	AT_LOSSES = 116,
	AT_RESERVED = 120,
	STATE_FIXED = 128,
};

static void put_name(struct lg_buf *out, const char *name)
{
	uint8_t size = (uint8_t)strlen(name);

	lg_buf_append(out, &size, 1);
	lg_buf_append(out, name, size);
}

static void put_u64(struct lg_buf *out, uint64_t value)
{
	wire_put_u64(lg_buf_reserve(out, 8), value);
	out->size += 8;
}

static void put_loss(struct lg_buf *out, const struct spool_loss *loss)
{
	lg_buf_append_char(out, loss->scope);
	put_name(out, loss->name);
	put_name(out, loss->reason);
	put_u64(out, loss->first);
	put_u64(out, loss->last);
	put_u64(out, loss->count);
	put_u64(out, loss->bytes);
	put_u64(out, (uint64_t)loss->begin_ns);
	put_u64(out, (uint64_t)loss->end_ns);
}

void state_encode(const struct state *state, struct lg_buf *out)
{
	uint8_t *p;

	lg_buf_clear(out);
	memset(lg_buf_reserve(out, STATE_FIXED), 0, STATE_FIXED);
	out->size = STATE_FIXED;
	for (size_t i = 0; i < state->cursor_count; i++) {
		lg_buf_append_char(out, (char)state->cursors[i].flags);
		put_name(out, state->cursors[i].name);
		put_u64(out, state->cursors[i].seq);
	}
	for (size_t i = 0; i < state->loss_count; i++)
		put_loss(out, &state->losses[i].loss);
	lg_buf_reserve(out, 4);
	p = out->data;
	memcpy(p, magic, 8);
	wire_put_u16(p + AT_VERSION, STATE_VERSION);
	wire_put_u16(p + AT_FLAGS, state->rebuilt ? FLAG_REBUILT : 0);
	wire_put_u32(p + AT_SIZE, (uint32_t)out->size + 4);
	wire_put_u64(p + AT_GENERATION, state->generation);
	memcpy(p + AT_SPOOL_ID, state->spool_id, 16);
	memcpy(p + AT_LOG_ID, state->log_id, 16);
	wire_put_i64(p + AT_WRITTEN, state->written_ns);
	wire_put_u64(p + AT_SEGMENT, state->segment);
	wire_put_u64(p + AT_DURABLE_OFFSET, state->durable_offset);
	wire_put_u64(p + AT_DURABLE_UPTO, state->durable_upto);
	wire_put_u64(p + AT_NEXT_NUMBER, state->next_number);
	wire_put_u64(p + AT_LOW_NUMBER, state->low_number);
	wire_put_u64(p + AT_LOW_SEQ, state->low_seq);
	wire_put_u32(p + AT_CURSORS, (uint32_t)state->cursor_count);
	wire_put_u32(p + AT_LOSSES, (uint32_t)state->loss_count);
	wire_put_u32(p + out->size, crc32c(0, p, out->size));
	out->size += 4;
}

static void get_name(struct wire_reader *r, char name[SPOOL_NAME_SIZE])
{
	uint8_t size = wire_read_u8(r);
	const uint8_t *p = wire_read_bytes(r, size);

	if (!p || !size || size >= SPOOL_NAME_SIZE || memchr(p, 0, size)) {
		r->bad = 1;
		return;
	}
	memcpy(name, p, size);
	name[size] = '\0';
}

static void get_loss(struct wire_reader *r, struct spool_loss *loss)
{
	loss->scope = (char)wire_read_u8(r);
	get_name(r, loss->name);
	get_name(r, loss->reason);
	loss->first = wire_read_u64(r);
	loss->last = wire_read_u64(r);
	loss->count = wire_read_u64(r);
	loss->bytes = wire_read_u64(r);
	loss->begin_ns = (int64_t)wire_read_u64(r);
	loss->end_ns = (int64_t)wire_read_u64(r);
}

enum lg_rc state_decode(struct state *state, const uint8_t *p, size_t size)
{
	struct wire_reader r;
	uint32_t used, cursors, losses;

	memset(state, 0, sizeof(*state));
	if (size < STATE_FIXED + 4 || memcmp(p, magic, 8) != 0)
		return LG_CORRUPT;
	used = wire_get_u32(p + AT_SIZE);
	if (used < STATE_FIXED + 4 || used > size || crc32c(0, p, used - 4) != wire_get_u32(p + used - 4))
		return LG_CORRUPT;
	if (wire_get_u16(p + AT_VERSION) != STATE_VERSION)
		return LG_UNSUPPORTED;
	cursors = wire_get_u32(p + AT_CURSORS);
	losses = wire_get_u32(p + AT_LOSSES);
	if (cursors > SPOOL_OUTPUTS_MAX || losses > STATE_LOSSES_MAX)
		return LG_CORRUPT;
	state->rebuilt = wire_get_u16(p + AT_FLAGS) & FLAG_REBUILT;
	state->generation = wire_get_u64(p + AT_GENERATION);
	memcpy(state->spool_id, p + AT_SPOOL_ID, 16);
	memcpy(state->log_id, p + AT_LOG_ID, 16);
	state->written_ns = wire_get_i64(p + AT_WRITTEN);
	state->segment = wire_get_u64(p + AT_SEGMENT);
	state->durable_offset = wire_get_u64(p + AT_DURABLE_OFFSET);
	state->durable_upto = wire_get_u64(p + AT_DURABLE_UPTO);
	state->next_number = wire_get_u64(p + AT_NEXT_NUMBER);
	state->low_number = wire_get_u64(p + AT_LOW_NUMBER);
	state->low_seq = wire_get_u64(p + AT_LOW_SEQ);
	r = wire_reader_on(p + STATE_FIXED, used - 4 - STATE_FIXED);
	for (; state->cursor_count < cursors; state->cursor_count++) {
		struct spool_cursor_entry *c = &state->cursors[state->cursor_count];

		c->flags = wire_read_u8(&r);
		get_name(&r, c->name);
		c->seq = wire_read_u64(&r);
	}
	for (; state->loss_count < losses; state->loss_count++)
		get_loss(&r, &state->losses[state->loss_count].loss);
	return r.bad || r.at != r.end ? LG_CORRUPT : LG_OK;
}

static bool all_zero(const uint8_t *p, size_t size)
{
	return size == 0 || (p[0] == 0 && memcmp(p, p + 1, size - 1) == 0);
}

enum lg_rc state_read(struct state *state, const struct sys_io *io, int handle, struct lg_err *err)
{
	uint8_t *bytes = mem_alloc(STATE_FILE_SIZE);
	struct state *slot = mem_alloc(sizeof(*slot));
	enum lg_rc rc = LG_CORRUPT;
	ssize_t n = io->pread(io->self, handle, bytes, STATE_FILE_SIZE, 0);

	if (n < 0) {
		rc = lg_err_sys(err, (int)-n, "reading the state file");
		goto done;
	}
	if (all_zero(bytes, (size_t)n)) {
		rc = lg_err_set(err, LG_NOTFOUND, "the state file is empty");
		goto done;
	}
	for (size_t at = 0; at + STATE_SLOT_SIZE <= (size_t)n; at += STATE_SLOT_SIZE) {
		enum lg_rc got = state_decode(slot, bytes + at, STATE_SLOT_SIZE);

		if (got == LG_OK && (rc != LG_OK || slot->generation > state->generation)) {
			*state = *slot;
			rc = LG_OK;
		} else if (got == LG_UNSUPPORTED && rc != LG_OK) {
			rc = got;
		}
	}
	if (rc == LG_UNSUPPORTED)
		lg_err_set(err, rc, "the state file was written by a later version of Lugger");
	else if (rc != LG_OK)
		lg_err_set(err, rc, "neither slot of the state file verifies");
done:
	free(slot);
	free(bytes);
	return rc;
}

enum lg_rc state_write(const struct sys_io *io, int handle, uint64_t generation, const struct lg_buf *bytes, struct lg_err *err)
{
	struct iovec iov = {bytes->data, bytes->size};
	int rc = io->pwritev(io->self, handle, &iov, 1, generation % 2 * STATE_SLOT_SIZE);

	if (rc == 0)
		rc = io->fdatasync(io->self, handle);
	return rc < 0 ? lg_err_sys(err, -rc, "writing the state file") : LG_OK;
}

/* Where the spool meets its keys: rotation, the decryption of a frame that was read, what tools ask. */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "spool/impl.h"

void spool_reload_keys(struct spool *spool)
{
	struct keys_change change;
	struct lg_err err;

	if (!spool->keys)
		return;
	if (keys_refresh(spool->keys, &change, &err) != LG_OK) {
		log_error("spool %s: %s; the keys stay as they were", spool->dir, err.text);
		return;
	}
	if (change.gone)
		log_warning("spool %s: key %u left the key file: what it encrypted cannot be read after the next start", spool->dir,
		        change.gone);
	if (change.in_use && !spool->peek)
		log_notice("spool %s: new segments are encrypted with key %u", spool->dir, change.in_use);
}

static enum lg_rc cipher_of(struct spool *spool, int handle, uint64_t number, struct crypt **crypt, struct lg_err *err)
{
	const struct sys_io *io = spool->conf.io;
	int64_t size = io->size(io->self, handle);
	struct crypt_params params;
	enum lg_rc rc;

	if (size < 0)
		return lg_err_sys(err, (int)-size, "segment %llu", (unsigned long long)number);
	rc = segment_crypt_read(&params, io, handle, number, (uint64_t)size, err);
	if (rc != LG_OK || !params.key_id)
		return rc == LG_OK ? LG_CORRUPT : rc;
	rc = keys_fit(spool->keys, &params, err);
	if (rc == LG_INVALID && spool->keys)
		spool_reload_keys(spool); /* somebody may have put the missing key there */
	rc = keys_cipher(spool->keys, &params, false, crypt, err);
	if (rc != LG_OK)
		lg_err_prepend(err, "segment %llu", (unsigned long long)number);
	return rc;
}

enum lg_rc spool_decrypt(struct spool *spool, struct crypt **crypt, int handle, const struct frame_header *frame,
        const uint8_t *header, struct lg_buf *stored, struct lg_err *err)
{
	struct lg_str aad[FRAME_AAD_PIECES];
	enum lg_rc rc = LG_OK;

	if (frame->encryption == FRAME_ENCRYPT_NONE)
		return LG_OK;
	if (frame->encryption != FRAME_ENCRYPT_AES256GCM)
		return lg_err_set(err, LG_UNSUPPORTED, "segment %llu: encryption %u is not in this version",
		        (unsigned long long)frame->segment, frame->encryption);
	if (!*crypt)
		rc = cipher_of(spool, handle, frame->segment, crypt, err);
	if (rc != LG_OK)
		return rc;
	frame_aad(header, frame->header_size, aad);
	return crypt_open(*crypt, frame->index, aad, FRAME_AAD_PIECES, stored);
}

enum lg_rc spool_peek_keys(struct spool *spool, const char *key_file, struct lg_err *err)
{
	char data_dir[SPOOL_PATH_MAX];

	memcpy(data_dir, spool->dir, sizeof(data_dir));
	*strrchr(data_dir, '/') = '\0';
	return keys_open(&spool->keys, key_file, data_dir, err);
}

enum lg_rc spool_check_key_file(const char *key_file, const char *data_dir, struct lg_err *err)
{
	struct keys *keys;
	enum lg_rc rc = keys_open(&keys, key_file, data_dir, err);

	keys_close(keys);
	return rc;
}

enum lg_rc spool_keygen(uint32_t id, const char *key_file, struct lg_buf *out, struct lg_err *err)
{
	struct keys *keys = NULL;
	enum lg_rc rc = key_file ? keys_open(&keys, key_file, NULL, err) : LG_NOTFOUND;

	if (rc != LG_OK && rc != LG_NOTFOUND)
		return rc;
	if (!id && keys && keys_highest(keys) == UINT32_MAX)
		rc = lg_err_set(err, LG_INVALID, "the ids are used up: give one");
	else
		rc = keys_generate(id ? id : keys ? keys_highest(keys) + 1 : 1, out, err);
	keys_close(keys);
	return rc;
}

/* HKDF-SHA256 (RFC 5869) and AES-256-GCM (NIST SP 800-38D) on OpenSSL. */
#include "spool/crypt.h"

#include <limits.h>
#include <stdlib.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/mem.h"
#include "base/wire.h"

#define NONCE_SIZE 12
#define SEGMENT_INFO "lugger segment"
#define CHECK_INFO "lugger key check"

struct crypt {
	EVP_CIPHER_CTX *ctx;
	bool seal;
	uint64_t next_index; /* the lowest that crypt_seal accepts */
};

void crypt_wipe(void *data, size_t size)
{
	OPENSSL_cleanse(data, size);
}

bool crypt_key_from_text(uint8_t key[CRYPT_KEY_SIZE], struct lg_str text)
{
	uint8_t bytes[CRYPT_KEY_SIZE + 1]; /* the decoder counts the padding as a byte */
	char again[CRYPT_KEY_TEXT + 1];
	bool good = false;

	memset(key, 0, CRYPT_KEY_SIZE);
	if (text.size != CRYPT_KEY_TEXT)
		return false;
	if (EVP_DecodeBlock(bytes, (const uint8_t *)text.data, CRYPT_KEY_TEXT) == (int)sizeof(bytes)) {
		memcpy(key, bytes, CRYPT_KEY_SIZE);
		/* EVP_DecodeBlock forgives blanks and stray bits: only what it would print itself is a key. */
		crypt_key_to_text(key, again);
		good = CRYPTO_memcmp(again, text.data, CRYPT_KEY_TEXT) == 0;
		crypt_wipe(again, sizeof(again));
	}
	if (!good)
		crypt_wipe(key, CRYPT_KEY_SIZE);
	crypt_wipe(bytes, sizeof(bytes));
	return good;
}

void crypt_key_to_text(const uint8_t key[CRYPT_KEY_SIZE], char text[CRYPT_KEY_TEXT + 1])
{
	EVP_EncodeBlock((uint8_t *)text, key, (int)CRYPT_KEY_SIZE);
}

/* RFC 5869 with one block of output: `size` is at most a SHA-256. */
static bool hkdf(const uint8_t *file_key, const uint8_t *salt, struct lg_str info, uint8_t *out, size_t size)
{
	uint8_t prk[32], block[32], message[64];
	unsigned n = 0;
	bool good;

	memcpy(message, info.data, info.size);
	message[info.size] = 1;
	good = HMAC(EVP_sha256(), salt, (int)CRYPT_SALT_SIZE, file_key, CRYPT_KEY_SIZE, prk, &n) && n == sizeof(prk) &&
	       HMAC(EVP_sha256(), prk, (int)sizeof(prk), message, info.size + 1, block, &n) && n == sizeof(block);
	if (good)
		memcpy(out, block, size);
	else
		memset(out, 0, size);
	crypt_wipe(prk, sizeof(prk));
	crypt_wipe(block, sizeof(block));
	return good;
}

void crypt_check(const uint8_t file_key[CRYPT_KEY_SIZE], const uint8_t salt[CRYPT_SALT_SIZE], uint8_t check[CRYPT_CHECK_SIZE])
{
	hkdf(file_key, salt, LG_STR(CHECK_INFO), check, CRYPT_CHECK_SIZE);
}

bool crypt_check_equal(const uint8_t a[CRYPT_CHECK_SIZE], const uint8_t b[CRYPT_CHECK_SIZE])
{
	return CRYPTO_memcmp(a, b, CRYPT_CHECK_SIZE) == 0;
}

enum lg_rc crypt_new(struct crypt **out, const uint8_t file_key[CRYPT_KEY_SIZE], const uint8_t salt[CRYPT_SALT_SIZE], bool seal,
        struct lg_err *err)
{
	struct crypt *crypt = mem_zalloc(sizeof(*crypt));
	uint8_t key[CRYPT_KEY_SIZE];
	bool good;

	crypt->seal = seal;
	crypt->ctx = EVP_CIPHER_CTX_new();
	good = crypt->ctx && hkdf(file_key, salt, LG_STR(SEGMENT_INFO), key, sizeof(key)) &&
	       EVP_CipherInit_ex(crypt->ctx, EVP_aes_256_gcm(), NULL, key, NULL, seal) == 1; /* 12 bytes of nonce are the default */
	crypt_wipe(key, sizeof(key));
	if (!good) {
		crypt_free(crypt);
		*out = NULL;
		return lg_err_set(err, LG_NOMEM, "OpenSSL refused AES-256-GCM or HMAC-SHA256");
	}
	*out = crypt;
	return LG_OK;
}

void crypt_free(struct crypt *crypt)
{
	if (!crypt)
		return;
	EVP_CIPHER_CTX_free(crypt->ctx); /* wipes the key schedule */
	free(crypt);
}

/* The nonce, and the header as additional data. */
static bool begin_frame(struct crypt *crypt, uint32_t index, const struct lg_str *aad, size_t aad_count)
{
	uint8_t nonce[NONCE_SIZE] = {0};
	int n;

	wire_put_u32(nonce + 8, index);
	if (EVP_CipherInit_ex(crypt->ctx, NULL, NULL, NULL, nonce, -1) != 1)
		return false;
	for (size_t i = 0; i < aad_count; i++) {
		if (aad[i].size > INT_MAX ||
		        (aad[i].size && EVP_CipherUpdate(crypt->ctx, NULL, &n, (const uint8_t *)aad[i].data, (int)aad[i].size) != 1))
			return false;
	}
	return true;
}

enum lg_rc crypt_seal(struct crypt *crypt, uint32_t index, const struct lg_str *aad, size_t aad_count, const void *data,
        size_t size, struct lg_buf *out, struct lg_err *err)
{
	uint8_t *p;
	int n = 0, rest = 0;

	if (!crypt || !crypt->seal || index < crypt->next_index || size > INT_MAX - CRYPT_TAG_SIZE)
		return lg_err_set(err, LG_INVALID,
		        "frame %u cannot be encrypted: there is no cipher, its nonce was used before, or it is too long", index);
	crypt->next_index = (uint64_t)index + 1;
	p = lg_buf_reserve(out, size + CRYPT_TAG_SIZE);
	if (!begin_frame(crypt, index, aad, aad_count) || (size && EVP_CipherUpdate(crypt->ctx, p, &n, data, (int)size) != 1) ||
	        EVP_CipherFinal_ex(crypt->ctx, p + n, &rest) != 1 || (size_t)(n + rest) != size ||
	        EVP_CIPHER_CTX_ctrl(crypt->ctx, EVP_CTRL_AEAD_GET_TAG, CRYPT_TAG_SIZE, p + size) != 1)
		return lg_err_set(err, LG_IO, "frame %u: OpenSSL could not encrypt it", index);
	out->size += size + CRYPT_TAG_SIZE;
	return LG_OK;
}

enum lg_rc crypt_open(struct crypt *crypt, uint32_t index, const struct lg_str *aad, size_t aad_count, struct lg_buf *data)
{
	size_t size = data->size - CRYPT_TAG_SIZE;
	int n = 0, rest = 0;

	if (crypt->seal || data->size < CRYPT_TAG_SIZE || size > INT_MAX || !begin_frame(crypt, index, aad, aad_count) ||
	        (size && EVP_CipherUpdate(crypt->ctx, data->data, &n, data->data, (int)size) != 1) ||
	        EVP_CIPHER_CTX_ctrl(crypt->ctx, EVP_CTRL_AEAD_SET_TAG, CRYPT_TAG_SIZE, data->data + size) != 1 ||
	        EVP_CipherFinal_ex(crypt->ctx, data->data + n, &rest) != 1) {
		lg_buf_clear(data); /* what did not authenticate is shown to nobody */
		return LG_CORRUPT;
	}
	data->size = size;
	return LG_OK;
}

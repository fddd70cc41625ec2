/* crypt.h - encryption of what a segment's frames hold: a key per segment, AES-256-GCM. SPOOL.md, "Encryption". With net/ the only
 * user of OpenSSL. Which key has which id is keys.h. Segments of dead letters are encrypted by the same functions.
 */
#ifndef CRYPT_H
#define CRYPT_H

#include "api/lg_core.h"

#define CRYPT_KEY_SIZE 32u
#define CRYPT_KEY_TEXT 44u /* characters of a key as base64 (RFC 4648 section 4) */
#define CRYPT_SALT_SIZE 32u
#define CRYPT_TAG_SIZE 16u /* a frame's payload grows by it */
#define CRYPT_CHECK_SIZE 16u

/* What a segment's header says of its key. */
struct crypt_params {
	uint32_t key_id; /* 0: not encrypted, the rest means nothing */
	uint8_t salt[CRYPT_SALT_SIZE];
	uint8_t check[CRYPT_CHECK_SIZE]; /* crypt_check of key and salt: tells a wrong key from a changed frame */
};

/* Overwrites memory that held a key; the compiler cannot leave it out. */
void crypt_wipe(void *data, size_t size);
/* Exactly CRYPT_KEY_TEXT characters, the one spelling of RFC 4648; false (key wiped) on anything else. */
bool crypt_key_from_text(uint8_t key[CRYPT_KEY_SIZE], struct lg_str text);
void crypt_key_to_text(const uint8_t key[CRYPT_KEY_SIZE], char text[CRYPT_KEY_TEXT + 1]);

/* The value that a header carries for its key. */
void crypt_check(const uint8_t file_key[CRYPT_KEY_SIZE], const uint8_t salt[CRYPT_SALT_SIZE], uint8_t check[CRYPT_CHECK_SIZE]);
/* Compares in a time that does not depend on the bytes. */
bool crypt_check_equal(const uint8_t a[CRYPT_CHECK_SIZE], const uint8_t b[CRYPT_CHECK_SIZE]);

/* The cipher of one segment. One thread. */
struct crypt;

/* seal: for crypt_seal, else for crypt_open. LG_NOMEM. */
enum lg_rc crypt_new(struct crypt **crypt, const uint8_t file_key[CRYPT_KEY_SIZE], const uint8_t salt[CRYPT_SALT_SIZE], bool seal,
        struct lg_err *err) LG_WARN_UNUSED;
void crypt_free(struct crypt *crypt); /* wipes the key; NULL is fine */
/* Appends ciphertext and tag to `out`. index: the frame's; each call needs a higher one than the call before, LG_INVALID otherwise
 * (nothing is encrypted: a nonce never serves twice), and so for crypt
 * NULL. aad: pieces of the frame's header, frame_aad. `data` may be NULL where size
 * is 0. */
enum lg_rc crypt_seal(struct crypt *crypt, uint32_t index, const struct lg_str *aad, size_t aad_count, const void *data,
        size_t size, struct lg_buf *out, struct lg_err *err) LG_WARN_UNUSED;
/* Decrypts in place and cuts the tag off. LG_CORRUPT: header or payload are not what was encrypted; `data` is empty then. */
enum lg_rc crypt_open(
        struct crypt *crypt, uint32_t index, const struct lg_str *aad, size_t aad_count, struct lg_buf *data) LG_WARN_UNUSED;

#endif

/* keys.h - the key file of `spool.encryption_key_file`: keys by id, reread when it changes.
 *
 *     # comment
 *     1 BASE64KEY        an id from 1 to 4294967295, 32 bytes as base64
 *     2 BASE64KEY        the last line is the key in use; older ones open what they encrypted
 *
 * An id never gets another key, no id stands twice. Any thread: a mutex inside guards the keys, and is not held over I/O.
 */
#ifndef KEYS_H
#define KEYS_H

#include "spool/crypt.h"

#define KEYS_MAX 256u
#define KEYS_FILE_MAX (64u << 10)

struct keys;

/* Reads the file. It has to be a regular file that nobody but its owner may read or write (mode 0600 or less), owned by this
 * process's account, by root, or by the owner of data_dir (which a tool of root's needs; NULL: not asked). In systemd's $CREDENTIALS_DIRECTORY
 * its group may read it too. LG_INVALID, LG_NOTFOUND,
 * LG_IO with the file and line in the text, which never holds a key. Holding a key in memory ends with keys_close. */
enum lg_rc keys_open(struct keys **keys, const char *path, const char *data_dir, struct lg_err *err) LG_WARN_UNUSED;
void keys_close(struct keys *keys); /* wipes; NULL is fine */

struct keys_change {
	uint32_t in_use; /* 0: the key in use is the same */
	uint32_t gone;   /* a key that the file has no longer, and that is still known until the process ends; 0: none */
};
/* Reads the file again where it is another one than at the last try. On an error, told once per change of the file, the keys stay
 * as they were. */
enum lg_rc keys_refresh(struct keys *keys, struct keys_change *change, struct lg_err *err) LG_WARN_UNUSED;
uint32_t keys_in_use(struct keys *keys);
uint32_t keys_count(struct keys *keys);

/* Parameters for a new segment: the key in use, the salt, which the caller drew, the check value. */
void keys_begin(struct keys *keys, const uint8_t salt[CRYPT_SALT_SIZE], struct crypt_params *params);
/* The cipher for a segment with these parameters. LG_INVALID: the key is not in the file, or is another one than it was encrypted
 * with; the text names the key and the file, the caller the segment. */
enum lg_rc keys_cipher(struct keys *keys, const struct crypt_params *params, bool seal, struct crypt **crypt,
        struct lg_err *err) LG_WARN_UNUSED;
/* The same answer without a cipher. keys NULL: no key file was named. */
enum lg_rc keys_fit(struct keys *keys, const struct crypt_params *params, struct lg_err *err) LG_WARN_UNUSED;

/* Appends a new line of a key file, its key fresh from the system's random source. The caller wipes `out`. LG_IO. */
enum lg_rc keys_generate(uint32_t id, struct lg_buf *out, struct lg_err *err) LG_WARN_UNUSED;
/* The highest id of the file, for the next one. */
uint32_t keys_highest(struct keys *keys);

#endif

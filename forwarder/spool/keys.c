#include "spool/keys.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/sys.h"
#include "base/text.h"

struct key {
	uint32_t id;
	uint8_t bytes[CRYPT_KEY_SIZE];
};

/* Of a fixed size, so that growing it leaves no copy of a key behind. */
struct table {
	struct key keys[KEYS_MAX];
	size_t count; /* the last one is in use */
};

struct keys {
	char *path, *data_dir;
	pthread_mutex_t lock;
	struct table table;
	struct stat seen; /* of the file at the last try */
};

static void table_free(struct table *table)
{
	if (table)
		crypt_wipe(table, sizeof(*table));
	free(table);
}

static const struct key *find(const struct table *table, uint32_t id)
{
	for (size_t i = 0; i < table->count; i++)
		if (table->keys[i].id == id)
			return &table->keys[i];
	return NULL;
}

/* ---- the file ---- */

static bool owner_fits(const struct keys *keys, uid_t owner)
{
	struct stat st;

	if (owner == geteuid() || owner == 0)
		return true;
	return keys->data_dir && stat(keys->data_dir, &st) == 0 && owner == st.st_uid;
}

/* systemd hands a file over (LoadCredential=) as root's with an access list for the service, which shows as the group's right to read.
 * Its folder lets nobody else in. */
static bool is_credential(const struct keys *keys)
{
	const char *dir = getenv("CREDENTIALS_DIRECTORY");
	size_t size = dir ? strlen(dir) : 0;

	return size > 1 && strncmp(keys->path, dir, size) == 0 && keys->path[size] == '/' && !strstr(keys->path + size, "/../");
}

static enum lg_rc check_file(const struct keys *keys, const struct stat *st, struct lg_err *err)
{
	if (!S_ISREG(st->st_mode))
		return lg_err_set(err, LG_INVALID, "key file %s: it is not a regular file", keys->path);
	if (st->st_mode & (is_credential(keys) ? 037 : 077))
		return lg_err_set(err, LG_INVALID, "key file %s: its mode is %04o, and others could read the keys: chmod 600 %s",
		        keys->path, (unsigned)(st->st_mode & 07777), keys->path);
	if (!owner_fits(keys, st->st_uid))
		return lg_err_set(err, LG_INVALID, "key file %s: it belongs to user %lu, not to the one Lugger runs as, nor to root",
		        keys->path, (unsigned long)st->st_uid);
	if (st->st_size > (off_t)KEYS_FILE_MAX)
		return lg_err_set(err, LG_INVALID, "key file %s: longer than %u KiB", keys->path, KEYS_FILE_MAX >> 10);
	return LG_OK;
}

/* The checked file's bytes in `text`, of KEYS_FILE_MAX. */
static enum lg_rc read_file(struct keys *keys, struct stat *st, char *text, size_t *size, struct lg_err *err)
{
	int fd = open(keys->path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK); /* not blocked by a fifo */
	enum lg_rc rc = LG_OK;
	ssize_t n = 0;

	*size = 0;
	if (fd < 0 || fstat(fd, st) < 0)
		rc = lg_err_sys(err, errno, "key file %s", keys->path);
	if (rc == LG_OK)
		rc = check_file(keys, st, err);
	while (rc == LG_OK && *size < KEYS_FILE_MAX && (n = read(fd, text + *size, KEYS_FILE_MAX - *size)) > 0)
		*size += (size_t)n;
	if (rc == LG_OK && n < 0)
		rc = lg_err_sys(err, errno, "key file %s", keys->path);
	if (fd >= 0)
		close(fd);
	return rc;
}

static bool blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static struct lg_str next_word(struct lg_str *line)
{
	struct lg_str word;

	while (line->size && blank(*line->data))
		line->data++, line->size--;
	word = (struct lg_str){line->data, 0};
	while (line->size && !blank(*line->data))
		line->data++, line->size--, word.size++;
	return word;
}

/* One line into the table; what it says of a wrong one never quotes it. NULL: fine. */
static const char *parse_line(struct lg_str line, struct table *table)
{
	struct lg_str id_word = next_word(&line), key_word = next_word(&line), more = next_word(&line);
	struct key *key = &table->keys[table->count];
	int64_t id;

	if (!id_word.size || *id_word.data == '#')
		return NULL;
	if (table->count == KEYS_MAX)
		return "more keys than a file may have";
	if (!text_parse_i64(id_word, &id) || id < 1 || id > UINT32_MAX)
		return "expected an id from 1 to 4294967295 and a key, as `lugger spool keygen` prints it";
	if (more.size && *more.data != '#')
		return "something follows the key";
	if (find(table, (uint32_t)id))
		return "this id was given above: each key has its own";
	if (!crypt_key_from_text(key->bytes, key_word))
		return "the key is not 32 bytes of base64, as `lugger spool keygen` prints it";
	key->id = (uint32_t)id;
	table->count++;
	return NULL;
}

static enum lg_rc parse(const struct keys *keys, const char *text, size_t size, struct table *table, struct lg_err *err)
{
	unsigned number = 0;

	for (size_t at = 0; at < size; number++) {
		const char *end = memchr(text + at, '\n', size - at);
		size_t line = end ? (size_t)(end - (text + at)) : size - at;
		const char *trouble = parse_line((struct lg_str){text + at, line}, table);

		if (trouble)
			return lg_err_set(err, LG_INVALID, "key file %s: line %u: %s", keys->path, number + 1, trouble);
		at += line + 1;
	}
	if (!table->count)
		return lg_err_set(err, LG_INVALID, "key file %s: there is no key in it; `lugger spool keygen` prints one", keys->path);
	return LG_OK;
}

static enum lg_rc load(struct keys *keys, struct stat *st, struct table **table, struct lg_err *err)
{
	char *text = mem_alloc(KEYS_FILE_MAX);
	size_t size;
	enum lg_rc rc = read_file(keys, st, text, &size, err);

	*table = mem_zalloc(sizeof(**table));
	if (rc == LG_OK)
		rc = parse(keys, text, size, *table, err);
	crypt_wipe(text, KEYS_FILE_MAX);
	free(text);
	if (rc != LG_OK) {
		table_free(*table);
		*table = NULL;
	}
	return rc;
}

enum lg_rc keys_open(struct keys **out, const char *path, const char *data_dir, struct lg_err *err)
{
	struct keys *keys = mem_zalloc(sizeof(*keys));
	struct table *table;
	enum lg_rc rc;

	keys->path = mem_strdup(path);
	keys->data_dir = data_dir ? mem_strdup(data_dir) : NULL;
	pthread_mutex_init(&keys->lock, NULL);
	rc = load(keys, &keys->seen, &table, err);
	if (rc == LG_OK)
		keys->table = *table;
	table_free(table);
	*out = keys;
	if (rc != LG_OK) {
		keys_close(keys);
		*out = NULL;
	}
	return rc;
}

void keys_close(struct keys *keys)
{
	if (!keys)
		return;
	pthread_mutex_destroy(&keys->lock);
	free(keys->path);
	free(keys->data_dir);
	crypt_wipe(keys, sizeof(*keys));
	free(keys);
}

/* ---- rotation ---- */

static bool same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size && a->st_mode == b->st_mode &&
	       a->st_uid == b->st_uid && a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
	       a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

/* Called with the lock. Keys that the file lost come first, so that the last one stays the one in use. */
static enum lg_rc take_over(struct keys *keys, struct table *fresh, struct keys_change *change, struct lg_err *err)
{
	uint32_t old = keys->table.keys[keys->table.count - 1].id, new = fresh->keys[fresh->count - 1].id;

	for (size_t i = 0; i < keys->table.count; i++) {
		const struct key *known = &keys->table.keys[i], *again = find(fresh, known->id);

		if (again && memcmp(again->bytes, known->bytes, CRYPT_KEY_SIZE) != 0)
			return lg_err_set(err, LG_INVALID, "key file %s: key %u became another one: a new key needs a new id", keys->path,
			        known->id);
	}
	for (size_t i = 0; i < keys->table.count; i++) {
		if (find(fresh, keys->table.keys[i].id))
			continue;
		change->gone = keys->table.keys[i].id;
		if (fresh->count == KEYS_MAX)
			return lg_err_set(err, LG_INVALID, "key file %s: more keys than a file may have", keys->path);
		memmove(fresh->keys + 1, fresh->keys, fresh->count * sizeof(fresh->keys[0]));
		fresh->keys[0] = keys->table.keys[i];
		fresh->count++;
	}
	change->in_use = new == old ? 0 : new;
	crypt_wipe(&keys->table, sizeof(keys->table));
	keys->table = *fresh;
	return LG_OK;
}

enum lg_rc keys_refresh(struct keys *keys, struct keys_change *change, struct lg_err *err)
{
	struct table *fresh;
	struct stat now = {0};
	enum lg_rc rc;
	bool same;

	*change = (struct keys_change){0};
	if (stat(keys->path, &now) < 0)
		now = (struct stat){0};
	pthread_mutex_lock(&keys->lock);
	same = same_file(&now, &keys->seen);
	keys->seen = now;
	pthread_mutex_unlock(&keys->lock);
	if (same)
		return LG_OK;
	rc = load(keys, &now, &fresh, err);
	if (rc != LG_OK)
		return rc;
	pthread_mutex_lock(&keys->lock);
	rc = take_over(keys, fresh, change, err);
	pthread_mutex_unlock(&keys->lock);
	table_free(fresh);
	return rc;
}

uint32_t keys_count(struct keys *keys)
{
	uint32_t count;

	pthread_mutex_lock(&keys->lock);
	count = (uint32_t)keys->table.count;
	pthread_mutex_unlock(&keys->lock);
	return count;
}

uint32_t keys_in_use(struct keys *keys)
{
	uint32_t id;

	pthread_mutex_lock(&keys->lock);
	id = keys->table.keys[keys->table.count - 1].id;
	pthread_mutex_unlock(&keys->lock);
	return id;
}

uint32_t keys_highest(struct keys *keys)
{
	uint32_t id = 0;

	pthread_mutex_lock(&keys->lock);
	for (size_t i = 0; i < keys->table.count; i++)
		id = keys->table.keys[i].id > id ? keys->table.keys[i].id : id;
	pthread_mutex_unlock(&keys->lock);
	return id;
}

/* ---- segments ---- */

void keys_begin(struct keys *keys, const uint8_t salt[CRYPT_SALT_SIZE], struct crypt_params *params)
{
	const struct key *key;

	pthread_mutex_lock(&keys->lock);
	key = &keys->table.keys[keys->table.count - 1];
	params->key_id = key->id;
	memmove(params->salt, salt, CRYPT_SALT_SIZE);
	crypt_check(key->bytes, salt, params->check);
	pthread_mutex_unlock(&keys->lock);
}

/* Called with the lock. */
static enum lg_rc key_for(struct keys *keys, const struct crypt_params *params, const struct key **key, struct lg_err *err)
{
	uint8_t check[CRYPT_CHECK_SIZE];

	*key = find(&keys->table, params->key_id);
	if (!*key)
		return lg_err_set(err, LG_INVALID, "it is encrypted with key %u, which is not in %s", params->key_id, keys->path);
	crypt_check((*key)->bytes, params->salt, check);
	if (!crypt_check_equal(check, params->check))
		return lg_err_set(err, LG_INVALID, "it is encrypted with another key %u than the one in %s", params->key_id,
		        keys->path);
	return LG_OK;
}

enum lg_rc keys_cipher(
        struct keys *keys, const struct crypt_params *params, bool seal, struct crypt **crypt, struct lg_err *err)
{
	const struct key *key;
	enum lg_rc rc;

	*crypt = NULL;
	if (!keys)
		return keys_fit(keys, params, err);
	pthread_mutex_lock(&keys->lock);
	rc = key_for(keys, params, &key, err);
	if (rc == LG_OK)
		rc = crypt_new(crypt, key->bytes, params->salt, seal, err);
	pthread_mutex_unlock(&keys->lock);
	return rc;
}

enum lg_rc keys_fit(struct keys *keys, const struct crypt_params *params, struct lg_err *err)
{
	const struct key *key;
	enum lg_rc rc;

	if (!params->key_id)
		return LG_OK;
	if (!keys)
		return lg_err_set(err, LG_INVALID,
		        "it is encrypted with key %u: `encryption_key_file` of the spool has to name the file that holds it",
		        params->key_id);
	pthread_mutex_lock(&keys->lock);
	rc = key_for(keys, params, &key, err);
	pthread_mutex_unlock(&keys->lock);
	return rc;
}

enum lg_rc keys_generate(uint32_t id, struct lg_buf *out, struct lg_err *err)
{
	uint8_t key[CRYPT_KEY_SIZE];
	char text[CRYPT_KEY_TEXT + 1];
	int rc = sys_random(key, sizeof(key));

	if (rc < 0)
		return lg_err_sys(err, -rc, "drawing a key");
	crypt_key_to_text(key, text);
	lg_buf_printf(out, "%u %s\n", id, text);
	crypt_wipe(key, sizeof(key));
	crypt_wipe(text, sizeof(text));
	return LG_OK;
}

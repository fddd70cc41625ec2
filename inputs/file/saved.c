#include "saved.h"

#include <stdlib.h>
#include <string.h>

void saved_init(struct saved_set *set)
{
	*set = (struct saved_set){0};
	set->puts_end = &set->puts;
}

static void free_saved(struct saved *saved)
{
	free(saved->value);
	free(saved);
}

void saved_fini(struct saved_set *set)
{
	struct table_link *link = table_next(&set->by_ino, NULL), *next;

	for (; link; link = next) {
		next = table_next(&set->by_ino, link);
		free_saved(TABLE_ITEM(link, struct saved, by_ino));
	}
	table_fini(&set->by_ino);
	while (set->puts) {
		struct saved_put *put = set->puts;

		set->puts = put->next;
		free(put);
	}
}

bool saved_add(struct saved_set *set, struct lg_str key, const uint8_t *value, size_t size)
{
	struct saved *saved;

	if (key.size != IDENT_KEY_SIZE - 1)
		return false;
	saved = file_alloc(sizeof(*saved));
	memcpy(saved->key, key.data, key.size);
	saved->value = file_alloc(size + 1);
	saved->size = size;
	memcpy(saved->value, value, size);
	if (position_decode(&saved->position, saved->value, size) != LG_OK) {
		free_saved(saved);
		return false;
	}
	table_add(&set->by_ino, &saved->by_ino, saved->position.ident.ino);
	return true;
}

static enum ident_verdict compare(const struct saved *saved, const struct ident *ident, const struct content *content)
{
	if (!ident_same_birth(saved->position.ident.birth, ident->birth))
		return IDENT_OTHER;
	return ident_compare(&saved->position.ident, content);
}

enum ident_verdict saved_find(const struct saved_set *set, const struct ident *ident, const struct content *content, struct saved **saved)
{
	struct saved *same = NULL, *other = NULL;

	for (struct table_link *link = table_find(&set->by_ino, ident->ino); link; link = table_find_next(link)) {
		struct saved *at = TABLE_ITEM(link, struct saved, by_ino);
		bool same_dev = at->position.ident.dev == ident->dev;
		enum ident_verdict verdict;

		/* Without content to compare, another device's file cannot be told from this one. */
		if (!same_dev && (same || !ident_has_content(&at->position.ident)))
			continue;
		verdict = compare(at, ident, content);
		if (verdict == IDENT_UNREADABLE)
			return verdict;
		if (verdict == IDENT_SAME)
			same = at;
		else if (same_dev)
			other = at;
		if (verdict == IDENT_SAME && same_dev)
			break;
	}
	*saved = same ? same : other;
	return same ? IDENT_SAME : IDENT_OTHER;
}

void saved_remove(struct saved_set *set, struct saved *saved)
{
	table_remove(&set->by_ino, &saved->by_ino);
	free_saved(saved);
}

void saved_put(struct saved_set *set, const char *key, const uint8_t *value, size_t size)
{
	struct saved_put *put = file_alloc(sizeof(*put) + size);

	memcpy(put->key, key, IDENT_KEY_SIZE);
	put->size = size;
	if (size)
		memcpy(put->value, value, size);
	*set->puts_end = put;
	set->puts_end = &put->next;
}

void saved_expire(struct saved_set *set, int64_t utc)
{
	struct table_link *link = table_next(&set->by_ino, NULL), *next;

	for (; link; link = next) {
		struct saved *saved = TABLE_ITEM(link, struct saved, by_ino);

		next = table_next(&set->by_ino, link);
		if (saved->position.seen_utc < utc) {
			saved_put(set, saved->key, NULL, 0);
			saved_remove(set, saved);
		}
	}
}

void saved_seal(struct saved_set *set, struct lg_positions *positions)
{
	while (set->puts) {
		struct saved_put *put = set->puts;

		lg_positions_put(positions, lg_str_from(put->key), put->size ? put->value : NULL, put->size);
		set->puts = put->next;
		free(put);
	}
	set->puts_end = &set->puts;
}

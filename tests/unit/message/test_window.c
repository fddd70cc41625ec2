/* The window of redelivered messages (api/lg_message.h) over a fake core: what is sealed survives, what is not does not, and a hash alone never makes a
 * message known. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "api/lugger_plugin.h"

/* ---- the core's side ---- */

struct saved {
	char key[LG_POSITION_KEY_MAX + 1];
	uint8_t value[LG_POSITION_VALUE_MAX];
	size_t size;
};

struct lg_positions {
	struct saved items[400];
	size_t count;
};

#define RECORDS 4000

struct lg_input_host {
	struct lg_positions positions;
	char ids[RECORDS][24]; /* of the records in the spool; the index is the sequence */
	uint64_t first, next;
	unsigned asked;
};

void lg_positions_put(struct lg_positions *positions, struct lg_str key, const void *value, size_t size)
{
	size_t i = 0;

	assert_true(key.size <= LG_POSITION_KEY_MAX);
	assert_true(size <= LG_POSITION_VALUE_MAX);
	while (i < positions->count && !lg_str_is(key, positions->items[i].key))
		i++;
	if (i == positions->count)
		assert_true(positions->count++ < 400);
	snprintf(positions->items[i].key, sizeof(positions->items[i].key), "%.*s", (int)key.size, key.data);
	if (size)
		memcpy(positions->items[i].value, value, size);
	positions->items[i].size = size;
}

void lg_input_positions(struct lg_input_host *host, struct lg_str prefix, void (*each)(void *arg, struct lg_str key, const uint8_t *value, size_t size),
                        void *arg)
{
	for (size_t i = 0; i < host->positions.count; i++) {
		const struct saved *item = &host->positions.items[i];

		if (item->size && strncmp(item->key, prefix.data, prefix.size) == 0)
			each(arg, lg_str_from(item->key), item->value, item->size);
	}
}

uint64_t lg_input_horizon(struct lg_input_host *host)
{
	return host->next;
}

enum lg_spooled lg_input_spooled(struct lg_input_host *host, uint64_t from, unsigned field, struct lg_str text)
{
	assert_int_equal(field, LG_F_MESSAGE_ID);
	host->asked++;
	for (uint64_t seq = from < host->first ? host->first : from; seq < host->next; seq++)
		if (lg_str_is(text, host->ids[seq]))
			return LG_SPOOLED_YES;
	return from < host->first ? LG_SPOOLED_GONE : LG_SPOOLED_NO;
}

/* ---- */

static struct lg_input_host *host;

static int setup(void **state)
{
	(void)state;
	host = calloc(1, sizeof(*host));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	free(host);
	return 0;
}

static uint64_t hash_of(const struct lg_window *w, const char *id)
{
	return lg_window_hash(w, lg_str_from(id), id, strlen(id));
}

static bool known(struct lg_window *w, const char *id)
{
	uint64_t token;

	return lg_window_known(w, lg_str_from(id), hash_of(w, id), &token);
}

/* A message whose record reaches the spool with the batch. */
static void add(struct lg_window *w, const char *id)
{
	lg_window_add(w, lg_str_from(id), hash_of(w, id));
	snprintf(host->ids[host->next++], sizeof(host->ids[0]), "%s", id);
}

static const char *name(int number)
{
	static char text[24];

	snprintf(text, sizeof(text), "m-%d", number);
	return text;
}

static void a_sealed_message_is_known_after_a_restart(void **state)
{
	struct lg_window *w = lg_window_new(host, LG_STR("q"), 200);
	uint64_t token = 0;

	(void)state;
	for (int i = 0; i < 150; i++)
		add(w, name(i));
	assert_true(lg_window_known(w, LG_STR("m-7"), hash_of(w, "m-7"), &token));
	assert_true(token == UINT64_MAX); /* in the open batch */
	lg_window_seal(w, &host->positions, 5);
	assert_true(lg_window_known(w, LG_STR("m-7"), hash_of(w, "m-7"), &token));
	assert_int_equal(token, 5);
	lg_window_free(w);
	w = lg_window_new(host, LG_STR("q"), 200);
	for (int i = 0; i < 150; i++)
		assert_true(known(w, name(i)));
	assert_true(lg_window_known(w, LG_STR("m-7"), hash_of(w, "m-7"), &token));
	assert_int_equal(token, 0);
	assert_false(known(w, "m-150"));
	lg_window_free(w);
}

static void what_was_not_sealed_is_forgotten(void **state)
{
	struct lg_window *w = lg_window_new(host, LG_STR("q"), 100);

	(void)state;
	add(w, "a");
	lg_window_seal(w, &host->positions, 1);
	lg_window_add(w, LG_STR("b"), hash_of(w, "b")); /* its batch never reached the spool */
	lg_window_free(w);
	w = lg_window_new(host, LG_STR("q"), 100);
	assert_true(known(w, "a"));
	assert_false(known(w, "b"));
	lg_window_free(w);
}

static void a_saved_hash_without_its_record_is_not_believed(void **state)
{
	struct lg_window *w = lg_window_new(host, LG_STR("q"), 100);

	(void)state;
	add(w, "a");
	add(w, "b");
	lg_window_seal(w, &host->positions, 1);
	lg_window_free(w);
	host->ids[1][0] = '\0'; /* the frame was damaged */
	w = lg_window_new(host, LG_STR("q"), 100);
	assert_true(known(w, "a"));
	assert_false(known(w, "b"));
	assert_int_equal(host->asked, 2);
	lg_window_free(w);
}

static void a_saved_hash_is_believed_where_the_records_were_deleted(void **state)
{
	struct lg_window *w = lg_window_new(host, LG_STR("q"), 100);

	(void)state;
	add(w, "a");
	add(w, "b");
	lg_window_seal(w, &host->positions, 1);
	lg_window_free(w);
	host->first = 2;
	w = lg_window_new(host, LG_STR("q"), 100);
	assert_true(known(w, "a"));
	assert_false(known(w, "c"));
	lg_window_free(w);
}

static void one_id_with_another_body_is_another_message(void **state)
{
	struct lg_window *w = lg_window_new(host, LG_STR("q"), 100);
	uint64_t token;

	(void)state;
	lg_window_add(w, LG_STR("1"), lg_window_hash(w, LG_STR("1"), "first", 5));
	assert_true(lg_window_known(w, LG_STR("1"), lg_window_hash(w, LG_STR("1"), "first", 5), &token));
	assert_false(lg_window_known(w, LG_STR("1"), lg_window_hash(w, LG_STR("1"), "second", 6), &token));
	assert_false(lg_window_known(w, LG_STR("2"), lg_window_hash(w, LG_STR("1"), "first", 5), &token)); /* a forged hash, in this run */
	lg_window_free(w);
}

static void at_least_the_capacity_is_kept_however_often_it_wraps_and_restarts(void **state)
{
	struct lg_window *w = lg_window_new(host, LG_STR("q"), 130);
	int count = 0;

	(void)state;
	for (int round = 1; round <= 40; round++) {
		for (int i = 0; i < 7 + round; i++)
			add(w, name(count++));
		lg_window_seal(w, &host->positions, (uint64_t)round);
		if (round % 3 == 0) {
			lg_window_free(w);
			w = lg_window_new(host, LG_STR("q"), 130);
		}
		for (int i = count > 130 ? count - 130 : 0; i < count; i++)
			assert_true(known(w, name(i)));
	}
	assert_false(known(w, name(0)));
	assert_true(host->positions.count <= 5); /* 130 ids in slots of 60, the one being filled, the key */
	lg_window_free(w);
}

static void a_smaller_window_forgets_the_slots_it_no_longer_has(void **state)
{
	struct lg_window *w = lg_window_new(host, LG_STR("q"), 600);
	size_t left = 0;

	(void)state;
	for (int i = 0; i < 600; i++)
		add(w, name(i));
	lg_window_seal(w, &host->positions, 1);
	lg_window_free(w);
	w = lg_window_new(host, LG_STR("q"), 60);
	add(w, "new");
	lg_window_seal(w, &host->positions, 2);
	for (size_t i = 0; i < host->positions.count; i++)
		left += host->positions.items[i].size > 0;
	assert_true(left <= 3);
	assert_true(known(w, "new"));
	lg_window_free(w);
}

static void queues_do_not_share_a_window(void **state)
{
	struct lg_window *a = lg_window_new(host, LG_STR("a"), 60), *b = lg_window_new(host, LG_STR("b"), 60);

	(void)state;
	add(a, "x");
	assert_false(known(b, "x"));
	lg_window_seal(a, &host->positions, 1);
	lg_window_seal(b, &host->positions, 1);
	lg_window_free(b);
	b = lg_window_new(host, LG_STR("b"), 60);
	assert_false(known(b, "x"));
	lg_window_free(a);
	lg_window_free(b);
}

static void damaged_positions_are_ignored(void **state)
{
	struct lg_window *w = lg_window_new(host, LG_STR("q"), 60);

	(void)state;
	add(w, "a");
	lg_window_seal(w, &host->positions, 1);
	lg_window_free(w);
	assert_int_equal(host->positions.count, 2); /* a slot and the key */
	for (size_t size = 1; size < host->positions.items[0].size; size++) {
		size_t whole = host->positions.items[0].size;

		host->positions.items[0].size = size;
		w = lg_window_new(host, LG_STR("q"), 60);
		lg_window_free(w);
		host->positions.items[0].size = whole;
	}
	host->positions.items[0].value[0] = 99; /* another version */
	w = lg_window_new(host, LG_STR("q"), 60);
	assert_false(known(w, "a"));
	lg_window_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_sealed_message_is_known_after_a_restart, setup, teardown),
		cmocka_unit_test_setup_teardown(what_was_not_sealed_is_forgotten, setup, teardown),
		cmocka_unit_test_setup_teardown(a_saved_hash_without_its_record_is_not_believed, setup, teardown),
		cmocka_unit_test_setup_teardown(a_saved_hash_is_believed_where_the_records_were_deleted, setup, teardown),
		cmocka_unit_test_setup_teardown(one_id_with_another_body_is_another_message, setup, teardown),
		cmocka_unit_test_setup_teardown(at_least_the_capacity_is_kept_however_often_it_wraps_and_restarts, setup, teardown),
		cmocka_unit_test_setup_teardown(a_smaller_window_forgets_the_slots_it_no_longer_has, setup, teardown),
		cmocka_unit_test_setup_teardown(queues_do_not_share_a_window, setup, teardown),
		cmocka_unit_test_setup_teardown(damaged_positions_are_ignored, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

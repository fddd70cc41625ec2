/* mem: the budget of the data path. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"

static void a_budget_refuses_what_would_pass_its_limit(void **state)
{
	struct mem_budget budget;

	(void)state;
	mem_budget_init(&budget, 100);
	assert_true(mem_charge(&budget, 60));
	assert_false(mem_charge(&budget, 41));
	assert_int_equal(mem_used(&budget), 60);
	assert_true(mem_charge(&budget, 40));
	assert_false(mem_charge(&budget, 1));
	assert_true(mem_charge(&budget, 0));
	mem_release(&budget, 100);
	assert_int_equal(mem_used(&budget), 0);
	assert_int_equal(budget.peak, 100);
	assert_false(mem_charge(&budget, SIZE_MAX));
	assert_false(mem_charge(&budget, 101));
}

static void a_floor_may_pass_it(void **state)
{
	struct mem_budget budget;

	(void)state;
	mem_budget_init(&budget, 100);
	mem_charge_floor(&budget, 150);
	assert_int_equal(mem_used(&budget), 150);
	assert_false(mem_charge(&budget, 1)); /* and no underflow of what is left */
	mem_release(&budget, 51);
	assert_true(mem_charge(&budget, 1));
	assert_int_equal(budget.peak, 150);
}

static void tables_grow_by_doubling_and_keep_their_content(void **state)
{
	size_t cap = 0;
	uint32_t *table = NULL, *before;

	(void)state;
	for (uint32_t i = 0; i < 1000; i++) {
		table = mem_grow(table, &cap, i + 1, sizeof(*table));
		table[i] = i * i;
	}
	assert_int_equal(cap, 1024);
	for (uint32_t i = 0; i < 1000; i++)
		assert_int_equal(table[i], i * i);
	before = table;
	table = mem_grow(table, &cap, 5, sizeof(*table));
	assert_ptr_equal(table, before);
	free(table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_budget_refuses_what_would_pass_its_limit),
		cmocka_unit_test(a_floor_may_pass_it),
		cmocka_unit_test(tables_grow_by_doubling_and_keep_their_content),
	};

	return cmocka_run_group_tests_name("mem", tests, NULL, NULL);
}

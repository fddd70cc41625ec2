#include "parser_rig.h"

static struct zos_columns read_line(const char *line, const struct zos_layout *layout)
{
	static struct lg_buf scratch;
	struct zos_columns cols;

	zos_columns_read(&cols, lg_str_from(line), layout, &scratch);
	lg_buf_fini(&scratch);
	return cols;
}

#define HEAD2 "N 4040000 SYSPR01  26018 09:12:20.82          00000090 *$HASP050 JES2"
#define HEAD4 "N 4040000 SYSPR01  2026018 09:12:20.82          00000090 *$HASP050 JES2"

static void a_header_line_is_found_at_every_origin_and_year(void **state)
{
	static const char *const heads[] = {HEAD2, HEAD4};
	char line[256];

	(void)state;
	for (uint8_t origin = 0; origin <= ZOS_ORIGIN_MAX; origin++) {
		for (uint8_t year = 0; year < 2; year++) {
			struct zos_columns cols;

			snprintf(line, sizeof(line), "%.*s%s   ", origin, "CS01N1  ", heads[year]);
			cols = read_line(line, &(struct zos_layout){0});
			assert_int_equal(cols.kind, ZOS_HEAD);
			assert_int_equal(cols.layout.origin, origin);
			assert_int_equal(cols.layout.shift, year ? 2 : 0);
			assert_true(lg_str_is(cols.text, "$HASP050 JES2"));
		}
	}
	snprintf(line, sizeof(line), "123456789%s", HEAD2);
	assert_int_equal(read_line(line, &(struct zos_layout){0}).kind, ZOS_PLAIN);
}

static void one_wrong_column_makes_it_no_header(void **state)
{
	/* Each position of the header with a character that cannot stand there. */
	static const struct {
		size_t at;
		char c;
	} wrong[] = {{0, 'Q'}, {1, 'Z'}, {2, 'G'}, {8, ' '}, {9, 'x'}, {10, ' '}, {18, 'x'}, {19, 'a'}, {23, ' '}, {24, '0'},
	        {27, '.'}, {30, '.'}, {33, ':'}, {34, 'x'}, {35, 'x'}, {36, 'x'}};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		char line[] = HEAD2;

		line[wrong[i].at] = wrong[i].c;
		assert_int_equal(read_line(line, &(struct zos_layout){0}).kind, ZOS_PLAIN);
	}
}

static void a_header_may_end_with_its_time(void **state)
{
	struct zos_columns cols = read_line("N 0000000 SYS1     21053 21:16:20.82", &(struct zos_layout){0});

	(void)state;
	assert_int_equal(cols.kind, ZOS_HEAD);
	assert_int_equal(cols.text.size, 0);
	assert_int_equal(read_line("N 0000000 SYS1     21053 21:16:20.8", &(struct zos_layout){0}).kind, ZOS_PLAIN);
}

static void lines_without_a_header_are_read_by_the_remembered_layout(void **state)
{
	struct zos_layout year4 = {.shift = ZOS_SHIFT, .known = true};
	struct zos_layout asa = {.origin = 1, .known = true};
	struct zos_columns cols;

	(void)state;
	cols = read_line("D                                           602 00000290  ALLOCATED", &year4);
	assert_int_equal(cols.kind, ZOS_MINOR);
	assert_int_equal(cols.connector, 602);
	assert_true(lg_str_is(cols.text, "ALLOCATED"));
	cols = read_line(" E                                         007 00000290  LAST", &asa);
	assert_int_equal(cols.kind, ZOS_MINOR);
	assert_int_equal(cols.connector, 7);
	assert_true(lg_str_is(cols.text, "LAST"));
	cols = read_line(" S                                                       886   ", &asa);
	assert_int_equal(cols.kind, ZOS_MORE);
	assert_true(lg_str_is(cols.text, "886"));
	/* The id does not stand where this layout has it. */
	assert_int_equal(read_line("D                                         602 00000290  ALLOCATED", &year4).kind, ZOS_PLAIN);
}

static void a_minor_line_without_an_id_has_none(void **state)
{
	struct zos_layout layout = {.known = true};
	struct zos_columns cols = read_line("D                                             00000290  TEXT", &layout);

	(void)state;
	assert_int_equal(cols.kind, ZOS_MINOR);
	assert_int_equal(cols.connector, -1);
	assert_int_equal(read_line("DEAR OPERATOR, PLEASE MOUNT THE TAPE ON DRIVE 0A81 AND REPLY", &layout).kind, ZOS_PLAIN);
	assert_int_equal(read_line("SEE ABOVE", &layout).kind, ZOS_PLAIN);
	assert_int_equal(read_line("", &layout).kind, ZOS_PLAIN);
	assert_int_equal(read_line("E", &layout).kind, ZOS_PLAIN);
}

static void a_new_layout_is_found_when_the_old_one_stops_fitting(void **state)
{
	struct zos_layout asa4 = {.origin = 1, .shift = ZOS_SHIFT, .known = true};
	struct zos_columns cols = read_line(HEAD2, &asa4);

	(void)state;
	assert_int_equal(cols.kind, ZOS_HEAD);
	assert_int_equal(cols.layout.origin, 0);
	assert_int_equal(cols.layout.shift, 0);
}

static void the_connector_id_is_the_last_token_of_exactly_three_digits(void **state)
{
	size_t before = 99;

	(void)state;
	assert_int_equal(zos_connector_at_end(LG_STR("STAGING DATASET X 602"), &before), 602);
	assert_int_equal(before, 17);
	assert_int_equal(zos_connector_at_end(LG_STR("COMPLETED.   004"), &before), 4);
	assert_int_equal(before, 10);
	assert_int_equal(zos_connector_at_end(LG_STR("886"), &before), 886);
	assert_int_equal(before, 0);
	assert_int_equal(zos_connector_at_end(LG_STR("DATASET X1602"), &before), -1);
	assert_int_equal(zos_connector_at_end(LG_STR("COUNT 1602"), &before), -1);
	assert_int_equal(zos_connector_at_end(LG_STR("COUNT 16"), &before), -1);
	assert_int_equal(zos_connector_at_end(LG_STR("16"), &before), -1);
	assert_int_equal(zos_connector_at_end(LG_STR(""), &before), -1);
}

static void request_flags_are_eight_hex_digits(void **state)
{
	uint32_t value = 0;

	(void)state;
	assert_true(zos_hex(LG_STR("0088020F"), &value));
	assert_int_equal(value, 0x0088020f);
	assert_false(zos_hex(LG_STR("0088020"), &value));
	assert_false(zos_hex(LG_STR("0088020G"), &value));
	assert_false(zos_hex(LG_STR("0088020f"), &value));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_header_line_is_found_at_every_origin_and_year),
	        cmocka_unit_test(one_wrong_column_makes_it_no_header),
	        cmocka_unit_test(a_header_may_end_with_its_time),
	        cmocka_unit_test(lines_without_a_header_are_read_by_the_remembered_layout),
	        cmocka_unit_test(a_minor_line_without_an_id_has_none),
	        cmocka_unit_test(a_new_layout_is_found_when_the_old_one_stops_fitting),
	        cmocka_unit_test(the_connector_id_is_the_last_token_of_exactly_three_digits),
	        cmocka_unit_test(request_flags_are_eight_hex_digits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

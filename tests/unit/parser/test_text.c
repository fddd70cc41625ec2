#include "parser_rig.h"

static void each_line_is_a_record_with_its_offset(void **state)
{
	struct rig rig;

	(void)state;
	rig_init(&rig, &text_parser, NULL);
	rig_lines(&rig, "first\n\n  third \xc2\xa7 with blanks  \n");
	rig_records(
	        &rig, "- - first\n  log.offset=0", "- - \n  log.offset=6", "- -   third \xc2\xa7 with blanks  \n  log.offset=7");
	rig_fini(&rig);
}

static void parts_and_truncation_are_marked(void **state)
{
	struct lg_line line = {.text = {"half", 4}, .begin = 100, .end = 104, .part = 1};
	struct rig rig;

	(void)state;
	rig_init(&rig, &text_parser, NULL);
	text_parser.line(rig.state, &line, &rig.sink);
	line = (struct lg_line){.text = {"rest", 4}, .begin = 104, .end = 109, .part = 2, .parts = 2};
	text_parser.line(rig.state, &line, &rig.sink);
	line = (struct lg_line){.text = {"cut", 3}, .begin = 109, .end = 200, .truncated = true};
	text_parser.line(rig.state, &line, &rig.sink);
	rig_records(&rig, "- - half\n  log.offset=100\n  lugger.part=1", "- - rest\n  log.offset=104\n  lugger.part=2/2",
	        "- - cut\n  log.offset=109\n  lugger.truncated=true");
	rig_fini(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(each_line_is_a_record_with_its_offset),
	        cmocka_unit_test(parts_and_truncation_are_marked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

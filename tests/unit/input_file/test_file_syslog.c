/* z/OS SYSLOG through the file input: messages of several lines, interleaved, across a death or a copytruncate at any byte. */
#include "file_rig.h"
#include "parser/zos_syslog.h"

static const char text[] =
	"N 0000000 SYS1     2026327 10:00:00.00          00000090  IEE041I THE SYSTEM LOG IS NOW ACTIVE\n"
	"M 0000000 SYS1     2026327 10:00:01.00 STC00001 00000090  IXG283I STAGING DATASET ALLOCATED 602\n"
	"M 0000000 SYS2     2026327 10:00:01.10 STC00002 00000090  HZS0344I THE LOGGER REQUEST HAS COMPLETED. 604\n"
	"D                                           602 00000090  ALLOCATED NEW FOR LOGSTREAM HZS.HISTORY\n"
	"N 0000000 SYS1     2026327 10:00:01.20 STC00003 00000090  IEF403I JOB - STARTED\n"
	"E                                           604 00000090  LOG STREAM HZS.HISTORY IS CONNECTED\n"
	"E                                           602 00000090  CISIZE=4KB, SIZE=250MB,320KB\n"
	"N 0000000 SYS2     2026327 10:00:02.00 STC00003 00000090  IEF404I JOB - ENDED\n";

static const struct zos_conf new_york = {.timezone = (char *)(uintptr_t) "America/New_York", .multiline_timeout_ns = 60 * SECOND};

static struct rig *syslog_rig(const char *glob)
{
	struct rig *rig = rig_new(glob);

	rig->conf.stream.parser = &zos_syslog_parser;
	rig->conf.stream.parser_conf = (void *)(uintptr_t)&new_york;
	return rig;
}

/* What an undisturbed reader makes of the text. */
static char *undisturbed(void)
{
	struct rig *rig = syslog_rig("a.log");
	char *all;

	rig_append(rig, "a.log", text);
	rig_open(rig);
	rig_run(rig);
	rig_advance(rig, 100 * SECOND);
	all = rig_records(rig);
	rig_free(rig);
	return all;
}

static void a_death_at_any_byte_neither_loses_nor_repeats_a_line_of_a_message(void **unused)
{
	char *expected = undisturbed();

	(void)unused;
	assert_non_null(strstr(expected, "CISIZE"));
	for (size_t cut = 1; cut < sizeof(text) - 1; cut += 13) {
		struct rig *rig = syslog_rig("a.log");

		rig_append_bytes(rig, "a.log", text, cut);
		rig_open(rig);
		rig_run(rig);
		rig_restart(rig);
		rig_append(rig, "a.log", text + cut);
		rig_run(rig);
		rig_advance(rig, 100 * SECOND);
		rig_expect(rig, expected);
		rig_free(rig);
	}
	free(expected);
}

static void a_copytruncate_amid_a_message_neither_loses_nor_repeats_a_line_of_it(void **unused)
{
	char *expected = undisturbed();

	(void)unused;
	for (size_t cut = 1; cut < sizeof(text) - 1; cut += 13) {
		struct rig *rig = syslog_rig("a.log");

		rig_append_bytes(rig, "a.log", text, cut);
		rig_open(rig);
		rig_run(rig);
		if (cut % 2)
			rig_restart(rig);
		rig_append(rig, "a.log", text + cut);
		rig_append(rig, "a.log.1", text);
		rig_truncate(rig, "a.log", 0);
		rig_look(rig);
		rig_advance(rig, 10 * SECOND); /* the copy is at its end and is closed: the assemblies need no timeout */
		rig_expect(rig, expected);
		assert_int_equal(rig->host.lost_bytes, 0);
		rig_free(rig);
	}
	free(expected);
}

static void an_open_message_is_emitted_when_its_time_is_up_and_not_before(void **unused)
{
	struct rig *rig = syslog_rig("a.log");
	const char *second = strstr(text, "D    ");

	(void)unused;
	rig_append_bytes(rig, "a.log", text, (size_t)(second - text));
	rig_open(rig);
	rig_run(rig);
	rig_advance(rig, 59 * SECOND);
	fake_commit(&rig->host);
	assert_int_equal(rig->host.durable.count, 1);
	rig_advance(rig, 2 * SECOND);
	fake_commit(&rig->host);
	assert_int_equal(rig->host.durable.count, 3);
	rig_restart(rig);
	rig_run(rig);
	rig_advance(rig, 100 * SECOND);
	fake_commit(&rig->host);
	assert_int_equal(rig->host.durable.count, 3);
	rig_free(rig);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(a_death_at_any_byte_neither_loses_nor_repeats_a_line_of_a_message),
	cmocka_unit_test(a_copytruncate_amid_a_message_neither_loses_nor_repeats_a_line_of_it),
	cmocka_unit_test(an_open_message_is_emitted_when_its_time_is_up_and_not_before),
};

RIG_MAIN(tests)

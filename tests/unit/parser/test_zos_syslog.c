#include "parser_rig.h"

static const struct zos_conf new_york = {.timezone = "America/New_York", .multiline_timeout_ns = 5 * CLOCK_SECOND};

static void start(struct rig *rig)
{
	rig_init(rig, &zos_syslog_parser, &new_york);
}

/* ---- single lines ---------------------------------------------------------------------------------------------------- */

static void a_single_line_message_gives_all_its_columns(void **state)
{
	struct rig rig;

	(void)state;
	start(&rig);
	rig_lines(&rig, "N 420C001 SYSA     26015 10:00:00.25 JOB00042 00000281  $HASP373 PAYROLL1 STARTED - INIT 1    \n"
	                "N 0000000 SYSB     26015 10:00:00.26          00000090  IEF404I TP - ENDED\n");
	rig_flush(&rig);
	rig_records(&rig,
	        "2026-01-15T15:00:00.250Z 6 $HASP373 PAYROLL1 STARTED - INIT 1"
	        "\n  log.offset=0\n  host.name=SYSA\n  zos.sysname=SYSA"
	        "\n  lugger.time_text=26015 10:00:00.25\n  zos.record.type=N"
	        "\n  zos.routing_codes=2,7,13,14,28\n  zos.job.id=JOB00042\n  zos.request_flags=00000281\n  zos.suppressed=true"
	        "\n  event.code=$HASP373\n  zos.message.id=$HASP373\n  zos.job.name=PAYROLL1",
	        "2026-01-15T15:00:00.260Z 6 IEF404I TP - ENDED"
	        "\n  log.offset=95\n  host.name=SYSB\n  zos.sysname=SYSB"
	        "\n  lugger.time_text=26015 10:00:00.26\n  zos.record.type=N"
	        "\n  zos.request_flags=00000090\n  zos.suppressed=false\n  event.code=IEF404I\n  zos.message.id=IEF404I\n  "
	        "zos.job.name=TP");
	rig_fini(&rig);
}

static void a_single_line_message_waits_for_the_next_line_only(void **state)
{
	struct rig rig;

	(void)state;
	start(&rig);
	rig_lines(&rig, "N 0000000 SYSA     26015 10:00:00.25          00000090  IEF403I A - STARTED\n");
	assert_int_equal(rig.count, 0);
	rig_lines(&rig, "N 0000000 SYSA     26015 10:00:00.25          00000090  IEF403I B - STARTED\n");
	assert_int_equal(rig.count, 1);
	/* Nothing follows: after a second it goes. */
	assert_true(zos_syslog_parser.tick(rig.state, RIG_NOW + CLOCK_SECOND / 2, &rig.sink) == RIG_NOW + CLOCK_SECOND);
	assert_int_equal(rig.count, 1);
	assert_true(zos_syslog_parser.tick(rig.state, RIG_NOW + CLOCK_SECOND, &rig.sink) == INT64_MAX);
	assert_int_equal(rig.count, 2);
	assert_null(rig_field(&rig, 1, "zos.message.incomplete"));
	rig_fini(&rig);
}

static void commands_keep_their_request_type_and_have_no_message_id(void **state)
{
	struct rig rig;

	(void)state;
	start(&rig);
	rig_lines(&rig, "NC0000000 SYS1     26017 08:15:00.03 MCONSYS1 00000290  D A,L\n"
	                "NI0000000 SYS1     26017 08:15:00.03 INTERNAL 00000290  IEF403I IS NO MESSAGE HERE\n"
	                "NR0000000 SYS1     26017 08:15:00.03 MCONSYS1 00000090  IEE302I 0A81 ONLINE\n"
	                "NU0000000 SYS1     26017 08:15:00.03          00000090  $DI\n");
	rig_flush(&rig);
	assert_int_equal(rig.count, 4);
	rig_assert_field(&rig, 0, "zos.request.type", "C");
	rig_assert_field(&rig, 0, "zos.console", "MCONSYS1");
	assert_null(rig_field(&rig, 0, "zos.message.id"));
	assert_null(rig_field(&rig, 0, "zos.job.id"));
	rig_assert_field(&rig, 1, "zos.request.type", "I");
	rig_assert_field(&rig, 1, "zos.console", "INTERNAL");
	assert_null(rig_field(&rig, 1, "event.code"));
	rig_assert_field(&rig, 2, "zos.request.type", "R");
	rig_assert_field(&rig, 2, "event.code", "IEE302I");
	rig_assert_field(&rig, 3, "zos.request.type", "U");
	assert_null(rig_field(&rig, 3, "zos.console"));
	rig_fini(&rig);
}

static void job_ids_of_both_forms_are_told_from_consoles(void **state)
{
	static const char *const jobs[] = {"JOB03190", "STC05049", "TSU00001", "J0007172", "S0150625", "T0000038"};
	static const char *const consoles[] = {
	        "JOBCONS1", "STC1    ", "MSTCON1 ", "INSTREAM", "      01", "J12345  ", "JOB1234A"};
	char line[200];
	struct rig rig;
	size_t n = 0;

	(void)state;
	start(&rig);
	for (size_t i = 0; i < sizeof(jobs) / sizeof(*jobs); i++, n++) {
		snprintf(line, sizeof(line), "N 0000000 SYSA     26015 10:00:00.25 %-8s 00000090  IEF403I A", jobs[i]);
		rig_lines(&rig, line);
		rig_flush(&rig);
		rig_assert_field(&rig, n, "zos.job.id", jobs[i]);
		assert_null(rig_field(&rig, n, "zos.console"));
	}
	for (size_t i = 0; i < sizeof(consoles) / sizeof(*consoles); i++, n++) {
		snprintf(line, sizeof(line), "N 0000000 SYSA     26015 10:00:00.25 %-8s 00000090  IEF403I A", consoles[i]);
		rig_lines(&rig, line);
		rig_flush(&rig);
		assert_null(rig_field(&rig, n, "zos.job.id"));
		assert_non_null(rig_field(&rig, n, "zos.console"));
	}
	rig_assert_field(&rig, n - 3, "zos.console", "01");
	rig_fini(&rig);
}

static void a_wtor_has_a_reply_id_and_is_at_least_a_warning(void **state)
{
	struct rig rig;

	(void)state;
	start(&rig);
	rig_lines(&rig, "W C000000 SYSA     26015 10:00:00.25 STC00007 00000090 *07 ABC802I REPLY WITH A COMMAND\n"
	                "N 0000000 SYSA     26015 10:00:00.25 STC00007 00000090 @IEA989I SLIP TRAP\n"
	                "N 0000000 SYSA     26015 10:00:00.25 STC00007 00000090 +DFHSI1517 CICS IS UP\n");
	rig_flush(&rig);
	rig_assert_field(&rig, 0, "zos.reply_id", "07");
	rig_assert_field(&rig, 0, "event.code", "ABC802I");
	rig_assert_field(&rig, 0, "zos.action", "*");
	assert_memory_equal(strchr(rig.records[0], ' '), " 4 ", 3);
	rig_assert_field(&rig, 1, "zos.action", "@");
	assert_memory_equal(strchr(rig.records[1], ' '), " 4 ", 3);
	rig_assert_field(&rig, 2, "zos.action", "+");
	rig_assert_field(&rig, 2, "zos.message.id", "DFHSI1517");
	assert_memory_equal(strchr(rig.records[2], ' '), " 6 ", 3);
	assert_null(rig_field(&rig, 2, "zos.reply_id"));
	rig_fini(&rig);
}

static void log_and_wtl_entries_keep_their_whole_line(void **state)
{
	static const char line[] = "X 0000000 SYSA     26015 10:00:00.25 SYSLOG   00000000  IEF403I WAS SAID BY WTL";
	struct rig rig;

	(void)state;
	start(&rig);
	rig_lines(&rig, line);
	rig_flush(&rig);
	assert_string_equal(rig_body(&rig, 0), line);
	rig_assert_field(&rig, 0, "zos.record.type", "X");
	rig_assert_field(&rig, 0, "zos.sysname", "SYSA");
	assert_null(rig_field(&rig, 0, "event.code"));
	rig_fini(&rig);
}

/* Which flag bits mean suppressed: MSGLG610's guide, the digits 8, 6, 4 and 3. */
static void suppressed_is_derived_from_the_request_flags(void **state)
{
	static const struct {
		const char *flags, *suppressed;
	} cases[] = {{"00000090", "false"}, {"00000000", "false"}, {"FF77FDF0", "false"}, {"00000001", "true"},
	        {"00000002", "true"}, {"00000004", "true"}, {"00000008", "true"}, {"00000200", "true"}, {"00080000", "true"},
	        {"00800000", "true"}};
	char line[200];
	struct rig rig;

	(void)state;
	start(&rig);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		snprintf(line, sizeof(line), "N 0000000 SYSA     26015 10:00:00.25          %s  IEF403I A", cases[i].flags);
		rig_lines(&rig, line);
		rig_flush(&rig);
		rig_assert_field(&rig, i, "zos.suppressed", cases[i].suppressed);
	}
	rig_fini(&rig);
}

/* ---- several lines ---------------------------------------------------------------------------------------------------- */

static void a_message_is_assembled_and_its_id_taken_off(void **state)
{
	struct rig rig;

	(void)state;
	start(&rig);
	rig_lines(&rig,
	        "M 0000000 SYS1     26017 08:15:01.52 STC00001 00000290  IXG283I STAGING DATASET X 602                  \n"
	        "D                                         602 00000290  ALLOCATED NEW                  \n"
	        "E                                         602 00000290    CISIZE=4KB\n");
	assert_int_equal(rig.count, 1);
	assert_string_equal(rig_body(&rig, 0), "IXG283I STAGING DATASET X\nALLOCATED NEW\n  CISIZE=4KB");
	rig_assert_field(&rig, 0, "zos.message.line_count", "3");
	rig_assert_field(&rig, 0, "zos.record.type", "M");
	assert_null(rig_field(&rig, 0, "zos.message.incomplete"));
	rig_fini(&rig);
}

static void an_id_alone_on_an_s_line_is_no_text(void **state)
{
	struct rig rig;

	(void)state;
	start(&rig);
	rig_lines(&rig, "M 4040000 SYSPR01  26018 09:10:11.17 STC00815 00000090  CEA0403I A USER REQUEST COUNTS 100\n"
	                "S                                                       886                                \n"
	                "D                                         886 00000090  BECAUSE\n"
	                "E                                         886 00000090  INCREASED\n");
	assert_int_equal(rig.count, 1);
	/* 100 is text: the id is 886. */
	assert_string_equal(rig_body(&rig, 0), "CEA0403I A USER REQUEST COUNTS 100\nBECAUSE\nINCREASED");
	rig_fini(&rig);
}

static void a_number_at_the_end_of_the_text_stays_when_it_is_not_the_id(void **state)
{
	struct rig rig;

	(void)state;
	start(&rig);
	/* Two messages: the first never gets its lines. */
	rig_lines(&rig, "M 0000000 SYS1     26017 08:15:01.52 STC00001 00000290  ABC123I THE COUNT IS 100\n"
	                "E                                         602 00000290  OF ANOTHER MESSAGE\n");
	rig_flush(&rig);
	assert_int_equal(rig.count, 2);
	assert_string_equal(rig_body(&rig, 0), "OF ANOTHER MESSAGE");
	rig_assert_field(&rig, 0, "lugger.orphan", "true");
	assert_string_equal(rig_body(&rig, 1), "ABC123I THE COUNT IS 100");
	rig_assert_field(&rig, 1, "zos.message.incomplete", "true");
	rig_fini(&rig);
}

static void an_unproven_id_on_an_s_line_goes_back_into_the_text(void **state)
{
	struct rig rig;

	(void)state;
	start(&rig);
	rig_lines(&rig, "M 4040000 SYSPR01  26018 09:10:11.17 STC00815 00000090  CEA0403I A USER REQUEST\n"
	                "S                                                       086\n");
	rig_flush(&rig);
	assert_string_equal(rig_body(&rig, 0), "CEA0403I A USER REQUEST 086");
	rig_assert_field(&rig, 0, "zos.message.incomplete", "true");
	rig_fini(&rig);
}

static void a_message_may_consist_of_m_and_e_only(void **state)
{
	struct rig rig;

	(void)state;
	start(&rig);
	rig_lines(&rig, "M 0000000 SYS1     26017 08:15:02.25 STC05049 00000090  HZS0344I THE LOGGER REQUEST HAS COMPLETED. 604\n"
	                "E                                         604 00000090  LOG STREAM IS CONNECTED\n");
	assert_int_equal(rig.count, 1);
	assert_string_equal(rig_body(&rig, 0), "HZS0344I THE LOGGER REQUEST HAS COMPLETED.\nLOG STREAM IS CONNECTED");
	rig_fini(&rig);
}

static void label_lines_belong_to_the_message(void **state)
{
	struct rig rig;

	(void)state;
	start(&rig);
	rig_lines(&rig, "MR0000000 SYS1     26017 08:15:02.25 MSTCON1  00000090  IEE114I 08.14.22 ACTIVITY 017\n"
	                "L                                         017 00000090   JOBS     M/S\n"
	                "D                                         017 00000090   A        B\n"
	                "E                                         017 00000090   C        D\n");
	assert_int_equal(rig.count, 1);
	assert_string_equal(rig_body(&rig, 0), "IEE114I 08.14.22 ACTIVITY\n JOBS     M/S\n A        B\n C        D");
	rig_assert_field(&rig, 0, "zos.message.line_count", "4");
	rig_assert_field(&rig, 0, "zos.request.type", "R");
	rig_fini(&rig);
}

static void interleaved_messages_of_two_systems_are_kept_apart(void **state)
{
	struct rig rig;

	(void)state;
	start(&rig);
	rig_lines(&rig, "M 0000000 SYSA     26015 10:00:00.25          00000090  AAA111I FIRST 100\n"
	                "M 0000000 SYSB     26015 10:00:00.25          00000090  BBB222I SECOND 200\n"
	                "D                                         100 00000090  A2\n"
	                "N 0000000 SYSC     26015 10:00:00.25          00000090  CCC333I BETWEEN\n"
	                "D                                         200 00000090  B2\n"
	                "E                                         100 00000090  A3\n"
	                "E                                         200 00000090  B3\n");
	assert_int_equal(rig.count, 3);
	assert_string_equal(rig_body(&rig, 0), "CCC333I BETWEEN");
	assert_string_equal(rig_body(&rig, 1), "AAA111I FIRST\nA2\nA3");
	assert_string_equal(rig_body(&rig, 2), "BBB222I SECOND\nB2\nB3");
	rig_fini(&rig);
}

static void with_the_same_id_on_two_systems_a_line_goes_to_the_latest(void **state)
{
	struct rig rig;

	(void)state;
	start(&rig);
	rig_lines(&rig, "M 0000000 SYSA     26015 10:00:00.25          00000090  AAA111I FIRST 100\n"
	                "M 0000000 SYSB     26015 10:00:00.25          00000090  BBB222I SECOND 100\n"
	                "E                                         100 00000090  B2\n"
	                "E                                         100 00000090  A2\n");
	assert_int_equal(rig.count, 2);
	assert_string_equal(rig_body(&rig, 0), "BBB222I SECOND\nB2");
	assert_string_equal(rig_body(&rig, 1), "AAA111I FIRST\nA2");
	rig_fini(&rig);
}

static void a_reused_id_ends_the_old_message_of_that_system(void **state)
{
	struct rig rig;

	(void)state;
	start(&rig);
	rig_lines(&rig, "M 0000000 SYSA     26015 10:00:00.25          00000090  AAA111I FIRST 100\n"
	                "D                                         100 00000090  A2\n"
	                "M 0000000 SYSA     26015 10:00:01.25          00000090  AAA112I AGAIN 100\n");
	assert_int_equal(rig.count, 1);
	assert_string_equal(rig_body(&rig, 0), "AAA111I FIRST\nA2");
	rig_assert_field(&rig, 0, "zos.message.incomplete", "true");
	rig_fini(&rig);
}

static void a_message_without_end_goes_when_its_systems_log_is_a_minute_further(void **state)
{
	struct rig rig;

	(void)state;
	start(&rig);
	rig_lines(&rig, "M 0000000 SYSA     26015 10:00:00.25          00000090  AAA111I FIRST 100\n"
	                "D                                         100 00000090  A2\n"
	                "N 0000000 SYSB     26015 10:05:00.25          00000090  BBB222I ANOTHER SYSTEM\n"
	                "N 0000000 SYSA     26015 10:01:00.00          00000090  AAA112I NOT YET\n"
	                "D                                         100 00000090  A3\n");
	assert_int_equal(rig.count, 2);
	rig_lines(&rig, "N 0000000 SYSA     26015 10:01:01.00          00000090  AAA113I NOW\n");
	assert_int_equal(rig.count, 3);
	assert_string_equal(rig_body(&rig, 2), "AAA111I FIRST\nA2\nA3");
	rig_fini(&rig);
}

static void a_message_without_end_goes_by_the_timeout(void **state)
{
	struct rig rig;

	(void)state;
	start(&rig);
	rig_lines(&rig, "M 0000000 SYSA     26015 10:00:00.25          00000090  AAA111I FIRST 100\n");
	rig.now += 3 * CLOCK_SECOND;
	rig_lines(&rig, "D                                         100 00000090  THE LAST LINE IS A D LINE\n");
	assert_true(zos_syslog_parser.tick(rig.state, RIG_NOW + 5 * CLOCK_SECOND, &rig.sink) == RIG_NOW + 8 * CLOCK_SECOND);
	assert_int_equal(rig.count, 0);
	assert_true(zos_syslog_parser.tick(rig.state, RIG_NOW + 8 * CLOCK_SECOND, &rig.sink) == INT64_MAX);
	assert_int_equal(rig.count, 1);
	assert_string_equal(rig_body(&rig, 0), "AAA111I FIRST\nTHE LAST LINE IS A D LINE");
	rig_assert_field(&rig, 0, "zos.message.incomplete", "true");
	rig_fini(&rig);
}

static void a_wtor_of_several_lines_is_assembled_too(void **state)
{
	struct rig rig;

	(void)state;
	start(&rig);
	rig_lines(&rig, "W C000000 SYSA     26015 10:00:00.25 STC00007 00000090 *07 IXC402D PLEX LAST OPERATIVE 311\n"
	                "E                                         311 00000090  REPLY DOWN AFTER SYSTEM RESET\n");
	assert_int_equal(rig.count, 1);
	assert_string_equal(rig_body(&rig, 0), "07 IXC402D PLEX LAST OPERATIVE\nREPLY DOWN AFTER SYSTEM RESET");
	rig_assert_field(&rig, 0, "zos.reply_id", "07");
	rig_fini(&rig);
}

/* 70 characters of text reach column 126. */
#define TEXT70 "IEC141I 013-18,IGG0191B,PAYROLL1,STEP010,SYSUT1,0A81,VOL001,PAYROLL.MA"

static void an_s_line_is_joined_by_a_blank_unless_the_text_reached_the_margin(void **state)
{
	struct rig rig;

	(void)state;
	start(&rig);
	rig_lines(&rig, "N 0000000 SYSA     26015 10:00:00.25          00000090  IEC141I 013-18,IGG0191B,PAYROLL1,STEP010,\n"
	                "S                                                       SYSUT1,0A81\n"
	                "N 0000000 SYSA     26015 10:00:00.25          00000090  " TEXT70 "\n"
	                "S                                                       STER.DATA\n"
	                "S                                                        AND MORE\n"
	                "N 0000000 SYSA     2026015 10:00:00.25          00000090  " TEXT70 "\n"
	                "S                                                         STER.DATA\n"
	                "N 0000000 SYSA     2026015 10:00:00.25          00000090  " TEXT70);
	rig_flush(&rig);
	assert_int_equal(rig.count, 4);
	assert_string_equal(rig_body(&rig, 0), "IEC141I 013-18,IGG0191B,PAYROLL1,STEP010, SYSUT1,0A81");
	assert_string_equal(rig_body(&rig, 1), TEXT70 "STER.DATA AND MORE");
	assert_string_equal(rig_body(&rig, 2), TEXT70 "STER.DATA");
	assert_string_equal(rig_body(&rig, 3), TEXT70);
	assert_null(rig_field(&rig, 1, "zos.message.line_count"));
	rig_fini(&rig);
}

static void the_margin_counts_characters_not_bytes(void **state)
{
	struct rig rig;

	(void)state;
	start(&rig);
	rig_lines(&rig, "N 0000000 SYSA     26015 10:00:00.25          00000090  \xc2\xac"
	                "EC141I 013-18,IGG0191B,PAYROLL1,STEP010,SYSUT1,0A81,VOL001,PAYROLL.M\n"
	                "S                                                       ASTER\n");
	rig_flush(&rig);
	assert_string_equal(rig_body(&rig, 0), "\xc2\xac"
	                                       "EC141I 013-18,IGG0191B,PAYROLL1,STEP010,SYSUT1,0A81,VOL001,PAYROLL.M ASTER");
	rig_fini(&rig);
}

static void a_message_over_the_line_limit_is_cut_and_the_rest_kept(void **state)
{
	struct rig rig;

	(void)state;
	start(&rig);
	rig_lines(&rig, "M 0000000 SYSA     26015 10:00:00.25          00000090  AAA111I FIRST 100\n");
	for (int i = 1; i < ZOS_MESSAGE_LINES_MAX; i++)
		rig_lines(&rig, "D                                         100 00000090  ROW\n");
	assert_int_equal(rig.count, 1);
	rig_assert_field(&rig, 0, "zos.message.incomplete", "true");
	rig_lines(&rig, "E                                         100 00000090  THE END\n");
	assert_int_equal(rig.count, 2);
	rig_assert_field(&rig, 1, "lugger.orphan", "true");
	assert_string_equal(rig_body(&rig, 1), "THE END");
	rig_fini(&rig);
}

static void many_open_messages_stay_within_the_ranges_of_a_position(void **state)
{
	struct lg_range ranges[LG_HELD_MAX];
	struct rig rig;
	char line[200];

	(void)state;
	start(&rig);
	/* Every other line is junk that goes at once: each open message is a range of its own. */
	for (int i = 0; i < 200; i++) {
		snprintf(line, sizeof(line),
		        "M 0000000 SYSA     26015 10:00:00.25          00000090  AAA111I MESSAGE %03d\nJUNK\n", i);
		rig_lines(&rig, line);
		assert_true(zos_syslog_parser.held(rig.state, ranges, LG_HELD_MAX) <= LG_HELD_MAX);
		assert_true(ranges[0].begin >= 0);
	}
	rig_flush(&rig);
	assert_int_equal(rig.count, 400);
	rig_fini(&rig);
}

/* Taking the first one out would leave more holes than a position can name: it waits for the second. */
static void two_long_interleaved_messages_both_stay_whole(void **state)
{
	struct lg_range ranges[LG_HELD_MAX];
	struct rig rig;

	(void)state;
	start(&rig);
	rig_lines(&rig, "M 0000000 SYSA     26015 10:00:00.25          00000090  AAA111I FIRST 100\n"
	                "M 0000000 SYSB     26015 10:00:00.25          00000090  BBB111I SECOND 200\n");
	for (int i = 0; i < 100; i++)
		rig_lines(&rig, "D                                         100 00000090  A\n"
		                "D                                         200 00000090  B\n");
	rig_lines(&rig, "E                                         100 00000090  A\n");
	assert_int_equal(rig.count, 0);
	assert_int_equal(zos_syslog_parser.held(rig.state, ranges, LG_HELD_MAX), 1);
	rig_lines(&rig, "E                                         200 00000090  B\n");
	assert_int_equal(rig.count, 2);
	for (size_t i = 0; i < 2; i++) {
		rig_assert_field(&rig, i, "zos.message.line_count", "102");
		assert_null(rig_field(&rig, i, "zos.message.incomplete"));
	}
	rig_fini(&rig);
}

static void open_messages_are_bounded_in_number_and_the_oldest_goes_incomplete(void **state)
{
	struct rig rig;
	char line[200];

	(void)state;
	start(&rig);
	for (int i = 0; i < ZOS_OPEN_MAX + 5; i++) {
		snprintf(line, sizeof(line), "M 0000000 SYSA     26015 10:00:00.25          00000090  AAA111I MESSAGE %03d\n", i);
		rig_lines(&rig, line);
	}
	assert_int_equal(rig.count, 6);
	assert_string_equal(rig_body(&rig, 0), "AAA111I MESSAGE 000");
	assert_string_equal(rig_body(&rig, 5), "AAA111I MESSAGE 005");
	rig_assert_field(&rig, 0, "zos.message.incomplete", "true");
	rig_fini(&rig);
}

/* ---- layouts ---------------------------------------------------------------------------------------------------------- */

static void four_digit_years_and_an_asa_column_shift_the_lines_without_a_date_too(void **state)
{
	struct rig rig;

	(void)state;
	start(&rig);
	rig_lines(&rig, "1M 0000000 SYS1     2026017 08:15:01.52 STC00001 00000290  IXG283I STAGING DATASET X 602\n"
	                " D                                           602 00000290  ALLOCATED NEW\n"
	                " E                                           602 00000290  CISIZE=4KB\n");
	assert_int_equal(rig.count, 1);
	assert_string_equal(rig_body(&rig, 0), "IXG283I STAGING DATASET X\nALLOCATED NEW\nCISIZE=4KB");
	rig_assert_field(&rig, 0, "lugger.time_text", "2026017 08:15:01.52");
	assert_memory_equal(rig.records[0], "2026-01-17T13:15:01.520Z", 24);
	rig_fini(&rig);
}

static void an_archives_prefix_is_skipped(void **state)
{
	struct rig rig;

	(void)state;
	start(&rig);
	rig_lines(&rig, "CS01N 0020000 CS01     01003 00:00:01.41 STC27536 00000290  IEF695I START\n"
	                "CS01M 0000000 CS01     01003 00:00:01.52 STC00001 00000290  IXG283I STAGING 602\n"
	                "CS01E                                         602 00000290  CISIZE=4KB\n");
	assert_int_equal(rig.count, 2);
	assert_string_equal(rig_body(&rig, 0), "IEF695I START");
	assert_string_equal(rig_body(&rig, 1), "IXG283I STAGING\nCISIZE=4KB");
	rig_fini(&rig);
}

static void a_layout_that_changes_in_the_middle_is_found_again(void **state)
{
	struct rig rig;

	(void)state;
	start(&rig);
	rig_lines(&rig, "N 0000000 SYSA     26015 10:00:00.25          00000090  AAA111I ONE\n"
	                "M 0000000 SYSA     26015 10:00:00.25          00000090  AAA112I OPEN 100\n"
	                " N 0000000 SYSA     2026015 10:00:00.25          00000090  AAA113I TWO\n"
	                "N 0000000 SYSA     26015 10:00:00.25          00000090  AAA114I THREE\n");
	rig_flush(&rig);
	assert_int_equal(rig.count, 4);
	assert_string_equal(rig_body(&rig, 0), "AAA111I ONE");
	assert_string_equal(rig_body(&rig, 1), "AAA112I OPEN 100");
	rig_assert_field(&rig, 1, "zos.message.incomplete", "true");
	assert_string_equal(rig_body(&rig, 2), "AAA113I TWO");
	assert_string_equal(rig_body(&rig, 3), "AAA114I THREE");
	rig_fini(&rig);
}

/* ---- what is no message ------------------------------------------------------------------------------------------------ */

static void headings_and_blank_lines_are_records_of_their_own_and_break_no_message(void **state)
{
	struct rig rig;

	(void)state;
	start(&rig);
	rig_lines(&rig, " N 0000000 SYSA     26015 10:00:00.25          00000090  AAA111I ONE,\n"
	                "1     SDSF  SYSLOG  PRINT  SYSLOG    DATA SET     101  SYSID SYS1\n"
	                "   \n"
	                " S                                                       TWO\n"
	                " M 0000000 SYSA     26015 10:00:00.25          00000090  AAA112I OPEN 100\n"
	                "1     SDSF  SYSLOG  PRINT  SYSLOG    DATA SET     101  SYSID SYS1\n"
	                " E                                         100 00000090  END\n");
	assert_int_equal(rig.count, 5);
	assert_string_equal(rig.records[0], "- - 1     SDSF  SYSLOG  PRINT  SYSLOG    DATA SET     101  SYSID SYS1"
	                                    "\n  log.offset=70");
	assert_string_equal(rig.records[1], "- - \n  log.offset=136");
	assert_string_equal(rig_body(&rig, 2), "AAA111I ONE, TWO");
	assert_string_equal(rig_body(&rig, 3), "1     SDSF  SYSLOG  PRINT  SYSLOG    DATA SET     101  SYSID SYS1");
	assert_string_equal(rig_body(&rig, 4), "AAA112I OPEN\nEND");
	rig_fini(&rig);
}

static void orphans_are_kept_with_their_text_and_type(void **state)
{
	struct rig rig;

	(void)state;
	start(&rig);
	rig_lines(&rig, "D                                         602 00000290  ALLOCATED NEW\n"
	                "E                                         602 00000290  CISIZE=4KB\n"
	                "S                                                       MORE\n"
	                "L                                         602 00000290  LABEL\n");
	rig_records(&rig,
	        "- - ALLOCATED NEW\n  log.offset=0\n  zos.record.type=D\n  lugger.orphan=true"
	        "\n  zos.request_flags=00000290\n  zos.suppressed=true",
	        "- - CISIZE=4KB\n  log.offset=70\n  zos.record.type=E\n  lugger.orphan=true"
	        "\n  zos.request_flags=00000290\n  zos.suppressed=true",
	        "- - MORE\n  log.offset=137\n  zos.record.type=S\n  lugger.orphan=true",
	        "- - LABEL\n  log.offset=198\n  zos.record.type=L\n  lugger.orphan=true"
	        "\n  zos.request_flags=00000290\n  zos.suppressed=true");
	rig_fini(&rig);
}

static void an_s_line_behind_the_end_of_a_message_is_an_orphan(void **state)
{
	struct rig rig;

	(void)state;
	start(&rig);
	rig_lines(&rig, "M 0000000 SYSA     26015 10:00:00.25          00000090  AAA112I OPEN 100\n"
	                "E                                         100 00000090  END\n"
	                "S                                                       MORE\n");
	assert_int_equal(rig.count, 2);
	rig_assert_field(&rig, 1, "lugger.orphan", "true");
	rig_fini(&rig);
}

static void other_formats_and_junk_are_kept_whole(void **state)
{
	struct rig rig;

	(void)state;
	start(&rig);
	rig_lines(&rig, "4000 14.17.01 STC   14  $HASP373 TP       STARTED\n"
	                "\n"
	                "\x7f\x01\xc2\x85 junk\n"
	                "20260152 IAT6101 JOB ORIGIN FROM GROUP=ANYLOCAL\n");
	assert_int_equal(rig.count, 4);
	assert_string_equal(rig.records[0],
	        "- - 4000 14.17.01 STC   14  $HASP373 TP       STARTED\n  log.offset=0");
	assert_string_equal(rig.records[1], "- - \n  log.offset=50");
	assert_string_equal(rig_body(&rig, 2), "\x7f\x01\xc2\x85 junk");
	assert_string_equal(rig_body(&rig, 3), "20260152 IAT6101 JOB ORIGIN FROM GROUP=ANYLOCAL");
	rig_fini(&rig);
}

static void a_piece_of_an_overlong_line_is_kept_as_it_is(void **state)
{
	static const char text[] = "N 0000000 SYSA     26015 10:00:00.25          00000090  AAA112I LOOKS LIKE A LINE";
	struct lg_line line = {.text = {text, sizeof(text) - 1}, .begin = 7, .end = 99, .part = 2, .parts = 2};
	struct rig rig;

	(void)state;
	start(&rig);
	zos_syslog_parser.line(rig.state, &line, &rig.sink);
	assert_int_equal(rig.count, 1);
	assert_string_equal(rig_body(&rig, 0), text);
	rig_assert_field(&rig, 0, "lugger.part", "2/2");
	rig_fini(&rig);
}

static void a_cropped_view_is_read_without_date_and_system(void **state)
{
	struct rig rig;

	(void)state;
	start(&rig);
	rig_lines(&rig, "10:11:56.45 OPER1    00000290  SETLOGRC LOGSTREAM                \n"
	                "10:11:57.90          00000290  IXG283I STAGING DATASET X 734 \n"
	                "                 734 00000290  ALLOCATED NEW\n"
	                "                 734 00000290  CISIZE=4KB\n"
	                "10:11:58.02 STC00012 00000290  IEF196I IGD103I SMS ALLOCATED TO DDNAME SYS00009\n");
	rig_flush(&rig);
	rig_records(&rig,
	        "- 6 SETLOGRC LOGSTREAM\n  log.offset=0\n  lugger.time_text=10:11:56.45\n  "
	        "zos.console=OPER1"
	        "\n  zos.request_flags=00000290\n  zos.suppressed=true",
	        "- 6 IXG283I STAGING DATASET X\nALLOCATED NEW\nCISIZE=4KB\n  log.offset=66"
	        "\n  lugger.time_text=10:11:57.90\n  zos.request_flags=00000290\n  zos.suppressed=true\n  event.code=IXG283I"
	        "\n  zos.message.id=IXG283I\n  zos.message.line_count=3",
	        "- 6 IEF196I IGD103I SMS ALLOCATED TO DDNAME SYS00009\n  log.offset=215"
	        "\n  lugger.time_text=10:11:58.02\n  zos.job.id=STC00012\n  zos.request_flags=00000290\n  zos.suppressed=true"
	        "\n  event.code=IGD103I\n  zos.message.id=IGD103I");
	rig_fini(&rig);
}

static void a_wrong_code_page_in_a_name_moves_no_column(void **state)
{
	struct rig rig;

	(void)state;
	start(&rig);
	rig_lines(&rig, "N 0000000 \xc2\xa7YSA     26015 10:00:00.25 \xc3\x84OB00042 00000090  \xc2\xa7HASP373 PAYROLL1 STARTED\n"
	                "M 0000000 SYSA     26015 10:00:00.25 CONS\xc3\x9f    00000090  ICH408I USER(A) 100\n"
	                " N 0000000 SYS\xc3\x9f     26015 10:00:00.25          00000090  AAA111I ANOTHER LAYOUT\n");
	rig_flush(&rig);
	assert_int_equal(rig.count, 3);
	rig_assert_field(&rig, 0, "zos.sysname", "?YSA");
	rig_assert_field(&rig, 0, "zos.console", "?OB00042");
	rig_assert_field(&rig, 0, "zos.request_flags", "00000090");
	assert_string_equal(rig_body(&rig, 0), "\xc2\xa7HASP373 PAYROLL1 STARTED");
	assert_string_equal(rig_body(&rig, 1), "ICH408I USER(A) 100");
	rig_assert_field(&rig, 2, "zos.sysname", "SYS?");
	assert_string_equal(rig_body(&rig, 2), "AAA111I ANOTHER LAYOUT");
	rig_fini(&rig);
}

/* ---- settings ---------------------------------------------------------------------------------------------------------- */

static void check_names_a_wrong_severity_and_a_wrong_zone(void **state)
{
	char *severity[] = {"IEF*", "loud"};
	char *zones[] = {"SYSB", "Mars/Olympus"};
	struct zos_conf conf = new_york;
	struct lg_err err;

	(void)state;
	assert_int_equal(zos_syslog_parser.check(&conf, &err), LG_OK);
	conf.severity = (struct lg_strings){severity, 2};
	assert_int_equal(zos_syslog_parser.check(&conf, &err), LG_INVALID);
	assert_non_null(strstr(err.text, "IEF*"));
	conf = new_york;
	conf.timezones = (struct lg_strings){zones, 2};
	assert_int_not_equal(zos_syslog_parser.check(&conf, &err), LG_OK);
	assert_non_null(strstr(err.text, "SYSB"));
}

static void the_autumn_hour_is_marked_when_order_cannot_tell(void **state)
{
	struct rig rig;

	(void)state;
	start(&rig);
	rig_lines(&rig, "N 0000000 SYSA     26305 01:30:00.00          00000090  AAA111I FIRST\n"
	                "N 0000000 SYSA     26305 01:10:00.00          00000090  AAA112I SECOND\n");
	rig_flush(&rig);
	assert_memory_equal(rig.records[0], "2026-11-01T05:30:00.000Z", 24);
	rig_assert_field(&rig, 0, "lugger.time_ambiguous", "true");
	assert_memory_equal(rig.records[1], "2026-11-01T06:10:00.000Z", 24);
	assert_null(rig_field(&rig, 1, "lugger.time_ambiguous"));
	rig_fini(&rig);
}

static void an_access_violation_fills_the_security_fields(void **state)
{
	struct rig rig;

	(void)state;
	start(&rig);
	rig_lines(&rig,
	        "M 0080000 SYSA     26015 10:00:00.25 TSU00042 00000090  ICH408I USER(JSMITH  ) GROUP(STAFF   ) NAME(JOHN SMITH) "
	        " 917\n"
	        "D                                         917 00000090    PROD.DATA CL(DATASET ) VOL(PRD001)\n"
	        "D                                         917 00000090    INSUFFICIENT ACCESS AUTHORITY\n"
	        "E                                         917 00000090    ACCESS INTENT(UPDATE )  ACCESS ALLOWED(READ   )\n");
	assert_int_equal(rig.count, 1);
	rig_assert_field(&rig, 0, "user.name", "JSMITH");
	rig_assert_field(&rig, 0, "event.outcome", "failure");
	rig_assert_field(&rig, 0, "zos.racf.resource", "PROD.DATA");
	rig_assert_field(&rig, 0, "zos.racf.access_allowed", "READ");
	rig_fini(&rig);
}

/* ---- real files -------------------------------------------------------------------------------------------------------- */

/* All lines of a sample through the parser; false (skipped, with a message) where the sample is not there. */
static bool run_sample(struct rig *rig, const char *name)
{
	char path[1024];
	char *text;

	snprintf(path, sizeof(path), "%s/%s", LUGGER_SAMPLES, name);
	text = rig_read_file(path);
	if (!text) {
		print_message("%s is not there\n", path);
		return false;
	}
	start(rig);
	rig_lines(rig, text);
	rig_flush(rig);
	free(text);
	return true;
}

static void the_tivlp46_sample_parses(void **state)
{
	struct rig rig;

	(void)state;
	if (!run_sample(&rig, "syslog_tivlp46.txt"))
		skip();
	assert_int_equal(rig.count, 3);
	assert_string_equal(rig_body(&rig, 0), "CEA0403I A USER REQUEST TO CREATE A TSO ADDRESS SPACE HAS BEEN DECLINED\n"
	                                       "BECAUSE THE MAXIMUM NUMBER OF SESSIONS HAS BEEN REACHED ON THIS SYSTEM.\n"
	                                       "CEAPRMXX STATEMENT MAXSESSIONS MUST BE INCREASED TO ALLOW THIS REQUEST.");
	rig_assert_field(&rig, 0, "zos.routing_codes", "2,10");
	rig_assert_field(&rig, 1, "zos.action", "*");
	rig_assert_field(&rig, 2, "event.code", "$HASP050");
	rig_fini(&rig);
}

static void the_vbt1_sample_parses(void **state)
{
	struct rig rig;

	(void)state;
	if (!run_sample(&rig, "syslog_vbt1.txt"))
		skip();
	assert_int_equal(rig.count, 9);
	rig_assert_field(&rig, 0, "zos.request.type", "C");
	rig_assert_field(&rig, 1, "event.code", "IGD101I");
	rig_assert_field(&rig, 2, "event.code", "IEF196I");
	assert_string_equal(rig_body(&rig, 6), "IXG283I STAGING DATASET IXGLOGR.HZS.HEALTH.CHECKER.HISTORY.VBTPLEX\n"
	                                       "ALLOCATED NEW FOR LOGSTREAM HZS.HEALTH.CHECKER.HISTORY\n"
	                                       "CISIZE=4KB, SIZE=250MB,320KB");
	assert_string_equal(rig_body(&rig, 8), "HZS0344I THE LOGGER REQUEST HAS COMPLETED.\n"
	                                       "LOG STREAM HZS.HEALTH.CHECKER.HISTORY IS CONNECTED");
	for (size_t i = 0; i < rig.count; i++)
		assert_null(rig_field(&rig, i, "zos.message.incomplete"));
	rig_fini(&rig);
}

static void the_cropped_operlog_sample_parses(void **state)
{
	struct rig rig;

	(void)state;
	if (!run_sample(&rig, "operlog_cropped.txt"))
		skip();
	assert_int_equal(rig.count, 14);
	assert_string_equal(rig_body(&rig, 6), "IXG283I STAGING DATASET IXGLOGR.SYSPLEX.LOGREC.ALLRECS.VBTPLEX\n"
	                                       "ALLOCATED NEW FOR LOGSTREAM SYSPLEX.LOGREC.ALLRECS\n"
	                                       "CISIZE=4KB, SIZE=125MB,160KB");
	rig_assert_field(&rig, 11, "event.code", "IFB097I");
	assert_string_equal(rig_body(&rig, 12), "#### Update IEASYSxx member");
	rig_fini(&rig);
}

static void the_mvs38_sample_is_kept_line_by_line(void **state)
{
	struct rig rig;

	(void)state;
	if (!run_sample(&rig, "mvs38_hardcopy.txt"))
		skip();
	assert_int_equal(rig.count, 6);
	assert_string_equal(rig_body(&rig, 0), "4000 14.17.01 STC   14  $HASP373 TP       STARTED");
	rig_fini(&rig);
}

static void what_all_records_share_is_said_once(void **state)
{
	char *zones[] = {"SYSB", "Europe/Berlin"};
	struct zos_conf several = {.timezone = "America/New_York", .timezones = {zones, 2}};
	struct lg_draft fields;

	(void)state;
	lg_draft_reset(&fields);
	zos_syslog_parser.constants(&new_york, &fields);
	assert_int_equal(fields.field_count, 2);
	assert_int_equal(fields.fields[0].field, LG_F_EVENT_DATASET);
	assert_true(lg_str_is(fields.fields[0].text, "zos.syslog"));
	assert_int_equal(fields.fields[1].field, LG_F_EVENT_TIMEZONE);
	assert_true(lg_str_is(fields.fields[1].text, "America/New_York"));
	lg_draft_reset(&fields);
	zos_syslog_parser.constants(&several, &fields); /* then each record has the zone of its own system */
	assert_int_equal(fields.field_count, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(what_all_records_share_is_said_once),
	        cmocka_unit_test(a_single_line_message_gives_all_its_columns),
	        cmocka_unit_test(a_single_line_message_waits_for_the_next_line_only),
	        cmocka_unit_test(commands_keep_their_request_type_and_have_no_message_id),
	        cmocka_unit_test(job_ids_of_both_forms_are_told_from_consoles),
	        cmocka_unit_test(a_wtor_has_a_reply_id_and_is_at_least_a_warning),
	        cmocka_unit_test(log_and_wtl_entries_keep_their_whole_line),
	        cmocka_unit_test(suppressed_is_derived_from_the_request_flags),
	        cmocka_unit_test(a_message_is_assembled_and_its_id_taken_off),
	        cmocka_unit_test(an_id_alone_on_an_s_line_is_no_text),
	        cmocka_unit_test(a_number_at_the_end_of_the_text_stays_when_it_is_not_the_id),
	        cmocka_unit_test(an_unproven_id_on_an_s_line_goes_back_into_the_text),
	        cmocka_unit_test(a_message_may_consist_of_m_and_e_only),
	        cmocka_unit_test(label_lines_belong_to_the_message),
	        cmocka_unit_test(interleaved_messages_of_two_systems_are_kept_apart),
	        cmocka_unit_test(with_the_same_id_on_two_systems_a_line_goes_to_the_latest),
	        cmocka_unit_test(a_reused_id_ends_the_old_message_of_that_system),
	        cmocka_unit_test(a_message_without_end_goes_when_its_systems_log_is_a_minute_further),
	        cmocka_unit_test(a_message_without_end_goes_by_the_timeout),
	        cmocka_unit_test(a_wtor_of_several_lines_is_assembled_too),
	        cmocka_unit_test(an_s_line_is_joined_by_a_blank_unless_the_text_reached_the_margin),
	        cmocka_unit_test(the_margin_counts_characters_not_bytes),
	        cmocka_unit_test(a_message_over_the_line_limit_is_cut_and_the_rest_kept),
	        cmocka_unit_test(many_open_messages_stay_within_the_ranges_of_a_position),
	        cmocka_unit_test(two_long_interleaved_messages_both_stay_whole),
	        cmocka_unit_test(open_messages_are_bounded_in_number_and_the_oldest_goes_incomplete),
	        cmocka_unit_test(four_digit_years_and_an_asa_column_shift_the_lines_without_a_date_too),
	        cmocka_unit_test(an_archives_prefix_is_skipped),
	        cmocka_unit_test(a_layout_that_changes_in_the_middle_is_found_again),
	        cmocka_unit_test(headings_and_blank_lines_are_records_of_their_own_and_break_no_message),
	        cmocka_unit_test(orphans_are_kept_with_their_text_and_type),
	        cmocka_unit_test(an_s_line_behind_the_end_of_a_message_is_an_orphan),
	        cmocka_unit_test(other_formats_and_junk_are_kept_whole),
	        cmocka_unit_test(a_piece_of_an_overlong_line_is_kept_as_it_is),
	        cmocka_unit_test(a_cropped_view_is_read_without_date_and_system),
	        cmocka_unit_test(a_wrong_code_page_in_a_name_moves_no_column),
	        cmocka_unit_test(check_names_a_wrong_severity_and_a_wrong_zone),
	        cmocka_unit_test(the_autumn_hour_is_marked_when_order_cannot_tell),
	        cmocka_unit_test(an_access_violation_fills_the_security_fields),
	        cmocka_unit_test(the_tivlp46_sample_parses),
	        cmocka_unit_test(the_vbt1_sample_parses),
	        cmocka_unit_test(the_cropped_operlog_sample_parses),
	        cmocka_unit_test(the_mvs38_sample_is_kept_line_by_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

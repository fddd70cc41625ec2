/* Lines to messages: what belongs together, where limits cut, and that a restart at any byte changes nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>

#include <cmocka.h>

#include "codec_feed.h"
#include "codec_kit.h"

#include "codec/charset.h"
#include "parser/parsers.h"

#define SECOND INT64_C(1000000000)
#define TEXT(s) ((char *)(uintptr_t)(s))

enum { JAVA = 1, PYTHON, DB2, CICS };

static struct lg_stream_conf conf_of(struct lg_multiline_conf multiline)
{
	multiline.max_lines = multiline.max_lines ? multiline.max_lines : 1000;
	multiline.max_bytes = multiline.max_bytes ? multiline.max_bytes : 131072;
	multiline.timeout_ns = 5 * SECOND;
	return (struct lg_stream_conf){.encoding = TEXT("UTF-8"), .max_record_size = 65536, .parser = plain_parser(), .multiline = multiline};
}

static struct lg_stream *open_at(const struct lg_stream_conf *conf, struct kept *kept, const uint8_t *saved, size_t size)
{
	struct lg_stream *s;
	struct lg_err err;
	enum lg_rc rc = saved ? lg_stream_load(&s, conf, &kept->sink, saved, size, &err) : lg_stream_new(&s, conf, &kept->sink, 0, &err);

	if (rc != LG_OK)
		fail_msg("%s", err.text);
	return s;
}

static void feed(struct lg_stream *s, const uint8_t *data, size_t size, bool last)
{
	struct lg_err err;
	size_t used;

	if (lg_stream_feed(s, data, size, last, 7, &used, &err) != LG_OK)
		fail_msg("%s", err.text);
}

static void assert_joined(const struct kept *kept, const char *want, size_t crash)
{
	struct lg_buf got = {0};

	for (size_t i = 0; i < kept->count; i++)
		lg_buf_printf(&got, "%s|", kept->bodies[i]);
	lg_buf_append_char(&got, '\0');
	if (strcmp((char *)got.data, want) != 0)
		fail_msg("crash at %zu:\n%s\nexpected:\n%s", crash, (char *)got.data, want);
	lg_buf_fini(&got);
}

/* `want`: the messages, '|' behind each. In chunks of every size; and read to every byte, saved, and gone on with from there. */
static void expect_messages(struct lg_stream_conf conf, const void *bytes, size_t size, const char *want)
{
	const uint8_t *data = bytes;

	for (size_t chunk = 1; chunk <= 4; chunk++) {
		struct kept kept = kept_make();
		struct lg_stream *s = open_at(&conf, &kept, NULL, 0);
		struct lg_err err;

		if (feed_all(s, data, size, chunk == 4 ? 1000000 : chunk, true, &err) != LG_OK)
			fail_msg("%s", err.text);
		lg_stream_flush(s);
		assert_joined(&kept, want, SIZE_MAX);
		assert_int_equal(lg_stream_stats(s)->records, kept.count);
		lg_stream_free(s);
		kept_fini(&kept);
	}
	for (size_t crash = 0; crash <= size; crash++) {
		struct kept kept = kept_make();
		struct lg_stream *s = open_at(&conf, &kept, NULL, 0);
		uint8_t saved[LG_STREAM_SAVE_MAX];
		size_t saved_size, count;

		feed(s, data, crash, false);
		saved_size = lg_stream_save(s, saved);
		count = kept.count;
		/* What comes behind the save is lost with the crash. */
		lg_stream_flush(s);
		lg_stream_free(s);
		while (kept.count > count)
			free(kept.bodies[--kept.count]);
		s = open_at(&conf, &kept, saved, saved_size);
		feed(s, data + lg_stream_offset(s), size - (size_t)lg_stream_offset(s), true);
		lg_stream_flush(s);
		assert_int_equal(lg_stream_restart(s), size);
		assert_joined(&kept, want, crash);
		lg_stream_free(s);
		kept_fini(&kept);
	}
}

#define MESSAGES(conf, bytes, want) expect_messages((conf), (bytes), sizeof(bytes) - 1, (want))

/* ---- the operator's patterns ---------------------------------------------------------------------------------------------- */

static void a_start_begins_a_message_and_the_rest_joins(void **state)
{
	struct lg_stream_conf conf = conf_of((struct lg_multiline_conf){.start = TEXT("^\\d\\d:")});

	(void)state;
	MESSAGES(conf, "no start\nat all\n10: one\n11: two\n  more\n\nof it\r\n12: three", "no start\nat all|10: one|11: two\n  more\n\nof it|12: three|");
	MESSAGES(conf, "", "");
	MESSAGES(conf, "\n", "|");
	conf.multiline.join = 1;
	MESSAGES(conf, "1\n10: a\nb\n", "1|10: a b|");
	conf.multiline.join = 2;
	MESSAGES(conf, "10: wra\npped\n", "10: wrapped|");
}

static void continue_joins_what_it_matches_alone(void **state)
{
	(void)state;
	MESSAGES(conf_of((struct lg_multiline_conf){.cont = TEXT("^\\s")}), "a\n b\n\tc\nd\ne\n f\n", "a\n b\n\tc|d|e\n f|");
	MESSAGES(conf_of((struct lg_multiline_conf){.cont = TEXT("^[ab]"), .start = TEXT("^a")}), "a1\nb\na2\nc\nb\nb\nd\n", "a1\nb|a2|c\nb\nb|d|");
	MESSAGES(conf_of((struct lg_multiline_conf){.cont = TEXT("^(?!\\S)")}), " x\n y\nz\n", " x\n y|z|");
}

static void an_end_closes_at_once(void **state)
{
	struct lg_stream_conf conf = conf_of((struct lg_multiline_conf){.end = TEXT(";$")});
	struct kept kept = kept_make();
	struct lg_stream *s;

	(void)state;
	MESSAGES(conf, "select\nx;\ny;\n\nz", "select\nx;|y;|\nz|");
	conf.multiline.start = TEXT("^BEGIN");
	MESSAGES(conf, "BEGIN;\nBEGIN\na\nBEGIN\nb;\nc\n", "BEGIN;|BEGIN\na|BEGIN\nb;|c|");
	s = open_at(&conf, &kept, NULL, 0);
	feed(s, (const uint8_t *)"BEGIN\nx;\nBEGIN", 14, false);
	assert_joined(&kept, "BEGIN\nx;|", 0);
	assert_int_equal(lg_stream_restart(s), 9);
	lg_stream_free(s);
	kept_fini(&kept);
}

/* ---- limits --------------------------------------------------------------------------------------------------------------- */

/* Bodies with " {39: 1} @0/0": lugger.incomplete, and what the kit shows of any record with fields. */
static void a_message_at_a_limit_is_cut_and_says_so(void **state)
{
	struct lg_stream_conf conf = conf_of((struct lg_multiline_conf){.start = TEXT("^S"), .max_lines = 3});

	(void)state;
	MESSAGES(conf, "S\n1\n2\nS\n1\n2\n3\n4\n5\n6\nS\n", "S\n1\n2|S\n1\n2 {39: 1} @0/0|3\n4\n5 {39: 1} @0/0|6|S|");
	conf.multiline.max_lines = 1;
	MESSAGES(conf, "S\n1\nS\n", "S {39: 1} @0/0|1|S|");
	conf = conf_of((struct lg_multiline_conf){.start = TEXT("^S"), .max_bytes = 6});
	MESSAGES(conf, "S1234\nS123\n4\nS\nabc\nd\nS123456789\nx\n",
	         "S1234|S123\n4|S\nabc {39: 1} @0/0|d|S123456789 {39: 1} @0/0|x|");
}

static void a_long_line_comes_back_together_in_its_message(void **state)
{
	struct lg_stream_conf conf = conf_of((struct lg_multiline_conf){.start = TEXT("^S"), .end = TEXT("Z$")});

	(void)state;
	conf.max_record_size = 16;
	MESSAGES(conf, "S12345678901234567890123456789\ntail\nS\n", "S12345678901234567890123456789\ntail|S|");
	/* a part's edge is neither a start nor an end */
	MESSAGES(conf, "S\n123456789012345ZSSSSSSSSSS\nS\n", "S\n123456789012345ZSSSSSSSSSS|S|");
	MESSAGES(conf, "S\n12345678901234567Z\nx\n", "S\n12345678901234567Z|x|");
	/* cut by the limit in the middle of the line: the rest says which part it begins with */
	conf.multiline.max_bytes = 40;
	MESSAGES(conf, "S1234567890123456789012345678901234567890123456789\nx\n",
	         "S1234567890123456789012345678901 {39: 1} @0/0|[3/0]234567890123456789\nx|");
	conf.on_oversize = 1;
	MESSAGES(conf, "S\nabcdefghijklmnopqrstuvwxyz\nm\n", "[cut]S\nabcdefghijklmnop\nm|");
}

static void a_silent_message_is_taken_to_be_whole(void **state)
{
	struct lg_stream_conf conf = conf_of((struct lg_multiline_conf){.start = TEXT("^S")});
	struct kept kept = kept_make();
	struct lg_stream *s = open_at(&conf, &kept, NULL, 0);

	(void)state;
	assert_true(lg_stream_tick(s, 7) == INT64_MAX);
	feed(s, (const uint8_t *)"S\nx\n", 4, false);
	assert_true(lg_stream_tick(s, 7) == 7 + 5 * SECOND);
	assert_true(lg_stream_tick(s, 6 + 5 * SECOND) == 7 + 5 * SECOND);
	assert_int_equal(kept.count, 0);
	assert_int_equal(lg_stream_restart(s), 0);
	assert_true(lg_stream_tick(s, 7 + 5 * SECOND) == INT64_MAX);
	assert_joined(&kept, "S\nx|", 0);
	assert_int_equal(lg_stream_restart(s), 4);
	feed(s, (const uint8_t *)"late\n", 5, false);
	lg_stream_flush(s);
	assert_joined(&kept, "S\nx|late|", 0);
	lg_stream_free(s);
	kept_fini(&kept);
}

/* ---- patterns that go wrong ----------------------------------------------------------------------------------------------- */

static void a_pattern_that_gives_up_stalls_nothing(void **state)
{
	struct lg_stream_conf conf = conf_of((struct lg_multiline_conf){.cont = TEXT("^(a+)+$")});
	struct kept kept = kept_make();
	struct lg_stream *s = open_at(&conf, &kept, NULL, 0);
	struct lg_buf data = {0};
	struct timespec begin, end;
	double seconds;

	(void)state;
	lg_buf_append_cstr(&data, "one\naaa\n");
	for (int i = 0; i < 100; i++)
		lg_buf_append_cstr(&data, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!\naa\n");
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &begin);
	feed(s, data.data, data.size, true);
	lg_stream_flush(s);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &end);
	seconds = (double)(end.tv_sec - begin.tv_sec) + (double)(end.tv_nsec - begin.tv_nsec) / 1e9;
	if (seconds > 10)
		fail_msg("100 lines took %.1f s of a processor", seconds);
	assert_int_equal(kept.count, 101);
	assert_string_equal(kept.bodies[0], "one\naaa");
	assert_string_equal(kept.bodies[100], "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!\naa");
	assert_int_equal(lg_stream_stats(s)->undecided, 100);
	lg_stream_free(s);
	kept_fini(&kept);
	lg_buf_fini(&data);
}

static void patterns_see_the_beginning_of_a_very_long_line(void **state)
{
	struct lg_stream_conf conf = conf_of((struct lg_multiline_conf){.cont = TEXT("x$"), .end = TEXT("^x|y$")});
	struct kept kept = kept_make();
	struct lg_stream *s = open_at(&conf, &kept, NULL, 0);
	struct lg_buf data = {0};

	(void)state;
	lg_buf_append_cstr(&data, "a\n");
	memset(lg_buf_reserve(&data, 10000), 'x', 10000);
	data.size += 10000;
	lg_buf_append_cstr(&data, "\nb\nbx\n");
	memset(lg_buf_reserve(&data, 10000), 'x', 10000);
	data.size += 10000;
	lg_buf_append_cstr(&data, "y\nx\n");
	feed(s, data.data, data.size, true);
	lg_stream_flush(s);
	/* the long ones do not seem to end in x, nor to begin behind their first 4096 bytes; the last but one ends in y */
	assert_int_equal(kept.count, 5);
	assert_string_equal(kept.bodies[0], "a");
	assert_int_equal(strlen(kept.bodies[1]), 10000);
	assert_string_equal(kept.bodies[2], "b\nbx");
	assert_int_equal(strlen(kept.bodies[3]), 10001);
	assert_string_equal(kept.bodies[4], "x");
	lg_stream_free(s);
	kept_fini(&kept);
	lg_buf_fini(&data);
}

static void wrong(struct lg_multiline_conf multiline, const struct lg_parser *parser, const char *want_option, size_t want_at, const char *want)
{
	struct lg_stream_conf conf = conf_of(multiline);
	const char *option;
	struct lg_err err;
	size_t at;

	conf.parser = parser;
	assert_int_equal(lg_multiline_check(&conf, &option, &at, &err), LG_INVALID);
	assert_string_equal(option, want_option);
	assert_int_equal(at, want_at);
	assert_non_null(strstr(err.text, want));
}

static void wrong_settings_are_named(void **state)
{
	struct lg_stream_conf conf = conf_of((struct lg_multiline_conf){.start = TEXT("(")});
	struct kept kept = kept_make();
	struct lg_stream *s;
	struct lg_err err;

	(void)state;
	wrong((struct lg_multiline_conf){0}, plain_parser(), "", 0, "needs a pattern");
	wrong((struct lg_multiline_conf){.start = TEXT("ok"), .cont = TEXT("ab[c")}, plain_parser(), "continue", 4, "offset 4: missing terminating ]");
	wrong((struct lg_multiline_conf){.end = TEXT("a**?+")}, plain_parser(), "end", 2, "offset 2");
	wrong((struct lg_multiline_conf){.pattern = JAVA, .end = TEXT("a")}, plain_parser(), "end", 0, "leave it out");
	wrong((struct lg_multiline_conf){.start = TEXT("a")}, keyed_parser(), "", 0, "keyed puts its messages together itself");
	assert_int_equal(lg_stream_new(&s, &conf, &kept.sink, 0, &err), LG_INVALID);
	assert_non_null(strstr(err.text, "multiline: start: missing closing parenthesis"));
	for (int pattern = JAVA; pattern <= CICS; pattern++) {
		const char *option;
		size_t at;

		conf = conf_of((struct lg_multiline_conf){.pattern = pattern});
		assert_int_equal(lg_multiline_check(&conf, &option, &at, &err), LG_OK);
	}
}

/* ---- ready patterns ------------------------------------------------------------------------------------------------------- */

static void java_traces_stay_whole(void **state)
{
	struct lg_stream_conf conf = conf_of((struct lg_multiline_conf){.pattern = JAVA});

	(void)state;
	MESSAGES(conf,
	         "server up\n"
	         "request 17 failed\n"
	         "java.lang.IllegalStateException: ledger is closed\n"
	         "\tat com.example.Ledger.post(Ledger.java:88)\n"
	         "\tat com.example.Web.handle(Web.java:12) [web.jar:1.2]\n"
	         "\tSuppressed: java.io.IOException: close\n"
	         "\t\tat com.example.Ledger.close(Ledger.java:99)\n"
	         "Caused by: com.example.db.StaleRow$RowException: row 9\n"
	         "\tat com.example.db.Row.read(Row.java:5)\n"
	         "\t... 23 more\n"
	         "server still up\n"
	         "Exception in thread \"main\" java.lang.OutOfMemoryError: Java heap space\n"
	         "    at java.util.Arrays.copyOf(Arrays.java:3210)\n"
	         "    ... 2 common frames omitted\n"
	         "java.lang.NullPointerException\n"
	         "\tat a.B.c(Unknown Source)\n"
	         "java.lang.NullPointerException\n"
	         "\tat a.B.c(Native Method)\n"
	         "done\n",
	         "server up|"
	         "request 17 failed\n"
	         "java.lang.IllegalStateException: ledger is closed\n"
	         "\tat com.example.Ledger.post(Ledger.java:88)\n"
	         "\tat com.example.Web.handle(Web.java:12) [web.jar:1.2]\n"
	         "\tSuppressed: java.io.IOException: close\n"
	         "\t\tat com.example.Ledger.close(Ledger.java:99)\n"
	         "Caused by: com.example.db.StaleRow$RowException: row 9\n"
	         "\tat com.example.db.Row.read(Row.java:5)\n"
	         "\t... 23 more|"
	         "server still up|"
	         "Exception in thread \"main\" java.lang.OutOfMemoryError: Java heap space\n"
	         "    at java.util.Arrays.copyOf(Arrays.java:3210)\n"
	         "    ... 2 common frames omitted|"
	         "java.lang.NullPointerException\n"
	         "\tat a.B.c(Unknown Source)|"
	         "java.lang.NullPointerException\n"
	         "\tat a.B.c(Native Method)|"
	         "done|");
}

static void liberty_messages_begin_at_their_dates(void **state)
{
	struct lg_stream_conf conf = conf_of((struct lg_multiline_conf){.pattern = JAVA});

	(void)state;
	MESSAGES(conf,
	         "********************************************************************************\n"
	         "product = WebSphere Application Server 24.0.0.6, z/OS Connect 03.00 (wlp-1.0.90)\n"
	         "[11/23/26 4:44:12:123 GMT] 0000002a com.ibm.ws.kernel.launch.internal.FrameworkManager A CWWKE0001I: The server has been launched.\n"
	         "[11/23/26 4:44:13:001 GMT] 00000031 com.ibm.ws.webcontainer.util.ApplicationErrorUtils E SRVE0777E: Exception thrown by class\n"
	         "Two lines of text of the application,\n"
	         "javax.servlet.ServletException: no ledger\n"
	         "\tat com.example.Web.handle(Web.java:12)\n"
	         "Caused by: java.lang.IllegalStateException\n"
	         "\t... 23 more\n"
	         "\n"
	         "[23.11.26, 4:44:14:050 MEZ] 00000031 SystemOut O ready\n"
	         "2026-11-23 04:44:15,100 WARN [pool-1] slow\n"
	         "  plan: scan\n"
	         "2026-11-23T04:44:16Z INFO fast\n",
	         "********************************************************************************|"
	         "product = WebSphere Application Server 24.0.0.6, z/OS Connect 03.00 (wlp-1.0.90)|"
	         "[11/23/26 4:44:12:123 GMT] 0000002a com.ibm.ws.kernel.launch.internal.FrameworkManager A CWWKE0001I: The server has been launched.|"
	         "[11/23/26 4:44:13:001 GMT] 00000031 com.ibm.ws.webcontainer.util.ApplicationErrorUtils E SRVE0777E: Exception thrown by class\n"
	         "Two lines of text of the application,\n"
	         "javax.servlet.ServletException: no ledger\n"
	         "\tat com.example.Web.handle(Web.java:12)\n"
	         "Caused by: java.lang.IllegalStateException\n"
	         "\t... 23 more\n"
	         "|"
	         "[23.11.26, 4:44:14:050 MEZ] 00000031 SystemOut O ready|"
	         "2026-11-23 04:44:15,100 WARN [pool-1] slow\n"
	         "  plan: scan|"
	         "2026-11-23T04:44:16Z INFO fast|");
}

static void python_tracebacks_stay_whole(void **state)
{
	struct lg_stream_conf conf = conf_of((struct lg_multiline_conf){.pattern = PYTHON});

	(void)state;
	MESSAGES(conf,
	         "starting\n"
	         "ERROR:ledger:cannot post\n"
	         "Traceback (most recent call last):\n"
	         "  File \"/srv/ledger.py\", line 12, in post\n"
	         "    row = table[key]\n"
	         "          ~~~~~^^^^^\n"
	         "KeyError: 'a'\n"
	         "\n"
	         "During handling of the above exception, another exception occurred:\n"
	         "\n"
	         "Traceback (most recent call last):\n"
	         "  File \"/srv/web.py\", line 3, in <module>\n"
	         "    post(1)\n"
	         "  [Previous line repeated 995 more times]\n"
	         "ledger.errors.Closed: no ledger\n"
	         "INFO:ledger:next\n"
	         "Traceback (most recent call last):\n"
	         "  File \"x.py\", line 1, in <module>\n"
	         "KeyboardInterrupt\n"
	         "Traceback (most recent call last):\n"
	         "  File \"cut.py\", line 1, in <module>\n"
	         "2026-11-23 04:44 next\n"
	         "  + Exception Group Traceback (most recent call last):\n"
	         "  |   File \"g.py\", line 1, in <module>\n"
	         "  | ExceptionGroup: two (2 sub-exceptions)\n"
	         "  +-+---------------- 1 ----------------\n"
	         "    | ValueError: 1\n"
	         "    +------------------------------------\n"
	         "done\n",
	         "starting|"
	         "ERROR:ledger:cannot post\n"
	         "Traceback (most recent call last):\n"
	         "  File \"/srv/ledger.py\", line 12, in post\n"
	         "    row = table[key]\n"
	         "          ~~~~~^^^^^\n"
	         "KeyError: 'a'\n"
	         "\n"
	         "During handling of the above exception, another exception occurred:\n"
	         "\n"
	         "Traceback (most recent call last):\n"
	         "  File \"/srv/web.py\", line 3, in <module>\n"
	         "    post(1)\n"
	         "  [Previous line repeated 995 more times]\n"
	         "ledger.errors.Closed: no ledger|"
	         "INFO:ledger:next\n"
	         "Traceback (most recent call last):\n"
	         "  File \"x.py\", line 1, in <module>\n"
	         "KeyboardInterrupt|"
	         "Traceback (most recent call last):\n"
	         "  File \"cut.py\", line 1, in <module>|"
	         "2026-11-23 04:44 next\n"
	         "  + Exception Group Traceback (most recent call last):\n"
	         "  |   File \"g.py\", line 1, in <module>\n"
	         "  | ExceptionGroup: two (2 sub-exceptions)\n"
	         "  +-+---------------- 1 ----------------\n"
	         "    | ValueError: 1\n"
	         "    +------------------------------------|"
	         "done|");
}

static void db2_and_cics_messages_take_their_indented_lines(void **state)
{
	struct lg_stream_conf conf = conf_of((struct lg_multiline_conf){.pattern = DB2});

	(void)state;
	MESSAGES(conf,
	         "DSNL004I  -DBBG DDF START COMPLETE\n"
	         "           LOCATION  DALLAS\n"
	         "           LU        NETA.DBBGLU\n"
	         "DSN9022I  -DBBG DSNYASCP 'START DB2' NORMAL COMPLETION\n"
	         " DSNT376I  -DBBG PLAN=PAYROLL WITH\n"
	         "           CORRELATION-ID=JOB17\n"
	         " 11.24.43 STC03190 ---- SATURDAY,  08 OCT 2022 ----\n"
	         " 11.24.43 STC03190  DSNL004I  -DBBG DDF START COMPLETE  161\n"
	         "    161             LOCATION  DALLAS\n"
	         " 11.24.44 STC03190  DSNJ001I  -DBBG CURRENT COPY 1 ACTIVE LOG\n"
	         "READY\n",
	         "DSNL004I  -DBBG DDF START COMPLETE\n"
	         "           LOCATION  DALLAS\n"
	         "           LU        NETA.DBBGLU|"
	         "DSN9022I  -DBBG DSNYASCP 'START DB2' NORMAL COMPLETION|"
	         " DSNT376I  -DBBG PLAN=PAYROLL WITH\n"
	         "           CORRELATION-ID=JOB17|"
	         " 11.24.43 STC03190 ---- SATURDAY,  08 OCT 2022 ----|"
	         " 11.24.43 STC03190  DSNL004I  -DBBG DDF START COMPLETE  161\n"
	         "    161             LOCATION  DALLAS|"
	         " 11.24.44 STC03190  DSNJ001I  -DBBG CURRENT COPY 1 ACTIVE LOG|"
	         "READY|");
	conf.multiline.pattern = CICS;
	MESSAGES(conf,
	         "+DFHSI1517 CICSPROD Control is being given to CICS.\n"
	         "+DFH0001   CICSPROD An abend (code 0C4/AKEA) has occurred at offset X'00000A5C'\n"
	         "           in module DFHAPLI1.\n"
	         " DFHAC2236 11/23/2026 04:44:12 CICSPROD Transaction PAY1 abend ASRA in program PAYROLL\n"
	         "           term L77A. Updates to local recoverable resources\n"
	         "           will be backed out.\n"
	         " DFHZC3461I 11/23/2026 04:44:13 CICSPROD Node L77A session started.\n"
	         "done\n",
	         "+DFHSI1517 CICSPROD Control is being given to CICS.|"
	         "+DFH0001   CICSPROD An abend (code 0C4/AKEA) has occurred at offset X'00000A5C'\n"
	         "           in module DFHAPLI1.|"
	         " DFHAC2236 11/23/2026 04:44:12 CICSPROD Transaction PAY1 abend ASRA in program PAYROLL\n"
	         "           term L77A. Updates to local recoverable resources\n"
	         "           will be backed out.|"
	         " DFHZC3461I 11/23/2026 04:44:13 CICSPROD Node L77A session started.|"
	         "done|");
}

/* ---- over framings and charsets --------------------------------------------------------------------------------------------- */

static void messages_are_made_of_records_of_any_framing_and_page(void **state)
{
	struct lg_stream_conf conf = conf_of((struct lg_multiline_conf){.start = TEXT("^S")});

	(void)state;
	conf.encoding = TEXT("IBM-1047"); /* S1 / ab / S2, E2 = S */
	MESSAGES(conf, "\xe2\xf1\x15\x81\x82\x15\xe2\xf2\x15", "S1\nab|S2|");
	conf.framing = LG_FRAMING_RDW;
	MESSAGES(conf, "\0\6\0\0\xe2\xf1\0\6\0\0\x81\x82\0\6\0\0\xe2\xf2", "S1\nab|S2|");
	conf.framing = LG_FRAMING_BDW; /* a message over the edge of a block */
	MESSAGES(conf, "\0\x10\0\0\0\6\0\0\xe2\xf1\0\6\0\0\x81\x82\0\x10\0\0\0\6\0\0\x81\x83\0\6\0\0\xe2\xf2", "S1\nab\nac|S2|");
	conf.framing = LG_FRAMING_FIXED;
	conf.lrecl = 3;
	MESSAGES(conf, "\xe2\xf1\x40\x81\x82\x40\xe2\xf2\x40", "S1\nab|S2|");
	conf = conf_of((struct lg_multiline_conf){.start = TEXT("^S")});
	conf.encoding = TEXT("UTF-16");
	MESSAGES(conf, "\xff\xfeS\0\n\0a\0\x85\0S\0\n\0", "S\na|S|");
}

/* A message has the offset of its first line, and the file's settings may have changed over a restart. */
static void the_text_parser_says_where_a_message_begins(void **state)
{
	struct lg_stream_conf conf = conf_of((struct lg_multiline_conf){.start = TEXT("^S")}), keyed = conf_of((struct lg_multiline_conf){0});
	struct kept kept = kept_make();
	uint8_t saved[LG_STREAM_SAVE_MAX];
	struct lg_stream *s;
	size_t size;

	(void)state;
	conf.parser = &text_parser;
	s = open_at(&conf, &kept, NULL, 0);
	feed(s, (const uint8_t *)"S1\nx\nS2\ny\n", 10, true);
	lg_stream_flush(s);
	assert_int_equal(kept.count, 2);
	assert_string_equal(kept.bodies[0], "S1\nx {2: 0} @-9223372036854775808/255");
	assert_string_equal(kept.bodies[1], "S2\ny {2: 5} @-9223372036854775808/255");
	lg_stream_free(s);
	kept_fini(&kept);

	/* a line in the middle was emitted under the other settings: it is not joined again, nor across */
	keyed.parser = keyed_parser();
	s = open_at(&keyed, &kept, NULL, 0);
	feed(s, (const uint8_t *)"a1\nX\nb1\n", 8, false);
	size = lg_stream_save(s, saved);
	lg_stream_free(s);
	conf.parser = plain_parser();
	s = open_at(&conf, &kept, saved, size);
	assert_int_equal(lg_stream_offset(s), 0);
	feed(s, (const uint8_t *)"a1\nX\nb1\nc\n", 10, true);
	lg_stream_flush(s);
	assert_joined(&kept, "<0/0>X|a1|b1\nc|", 0);
	lg_stream_free(s);
	kept_fini(&kept);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_start_begins_a_message_and_the_rest_joins),
	        cmocka_unit_test(continue_joins_what_it_matches_alone),
	        cmocka_unit_test(an_end_closes_at_once),
	        cmocka_unit_test(a_message_at_a_limit_is_cut_and_says_so),
	        cmocka_unit_test(a_long_line_comes_back_together_in_its_message),
	        cmocka_unit_test(a_silent_message_is_taken_to_be_whole),
	        cmocka_unit_test(a_pattern_that_gives_up_stalls_nothing),
	        cmocka_unit_test(patterns_see_the_beginning_of_a_very_long_line),
	        cmocka_unit_test(wrong_settings_are_named),
	        cmocka_unit_test(java_traces_stay_whole),
	        cmocka_unit_test(liberty_messages_begin_at_their_dates),
	        cmocka_unit_test(python_tracebacks_stay_whole),
	        cmocka_unit_test(db2_and_cics_messages_take_their_indented_lines),
	        cmocka_unit_test(messages_are_made_of_records_of_any_framing_and_page),
	        cmocka_unit_test(the_text_parser_says_where_a_message_begins),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

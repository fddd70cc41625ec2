#include "parser_rig.h"

static struct zos_severities no_rules;

static void message_ids_are_told_from_other_words(void **state)
{
	static const char *const ids[] = {"$HASP373", "IEF403I", "ICH408I", "DFHSI1517", "DFHAC2206", "DSNL004I", "CSQX500I",
	        "CWWKE0001I", "CNZ4201E", "HZS0344I", "CAJR250I", "TSS7000I", "ACF01012", "IAT2006", "IEE114I", "BPXM023I",
	        "EZZ8453I", "IST663I", "CEE3204S"};
	static const char *const words[] = {"STEP01", "JOB00123", "STC05049", "TSU00007", "PAYROLL1", "D", "", "1234", "123ABC",
	        "IEFACTRT", "I", "SYS1.PARMLIB", "ief403i", "ABCDEFGHIJ123I", "AB1I", "X12345678I", "0A81"};

	(void)state;
	for (size_t i = 0; i < sizeof(ids) / sizeof(*ids); i++)
		if (!zos_is_message_id(lg_str_from(ids[i])))
			fail_msg("%s is a message id", ids[i]);
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (zos_is_message_id(lg_str_from(words[i])))
			fail_msg("%s is no message id", words[i]);
}

static void assert_text(const char *text, bool reply, const char *reply_id, const char *id, char action)
{
	struct zos_text out;

	zos_text_read(&out, lg_str_from(text), reply);
	if (!lg_str_is(out.reply_id, reply_id) || !lg_str_is(out.message_id, id) || out.action != action)
		fail_msg("%s: reply %.*s id %.*s action %d", text, (int)out.reply_id.size, out.reply_id.data,
		        (int)out.message_id.size, out.message_id.data, out.action);
}

static void the_id_is_found_behind_reply_id_and_action_character(void **state)
{
	(void)state;
	assert_text("IEF403I TP - STARTED", false, "", "IEF403I", 0);
	assert_text("+DFHSI1517 CICS", false, "", "DFHSI1517", '+');
	assert_text("*$HASP050 JES2", false, "", "$HASP050", '*');
	assert_text("@IEA989I SLIP", false, "", "IEA989I", '@');
	assert_text("- $HASP309", false, "", "$HASP309", 0);
	assert_text("07 DSI802A REPLY", true, "07", "DSI802A", 0);
	assert_text("*1234 IEC120A M 01E", true, "1234", "IEC120A", '*');
	assert_text("07 DSI802A REPLY", false, "", "", 0);
	assert_text("  ACTIVE JOBS", false, "", "", 0);
	assert_text("", true, "", "", 0);
	assert_text("12", true, "12", "", 0);
	assert_text("DFHAC2206: TEXT", false, "", "DFHAC2206", 0);
	assert_text("ONELINE\nIEF403I", false, "", "", 0);
}

static void a_wrapped_message_counts_by_the_id_inside(void **state)
{
	(void)state;
	assert_text("IEF196I IGD101I SMS ALLOCATED", false, "", "IGD101I", 0);
	assert_text("IEF196I IEF285I   SYS1.X  KEPT", false, "", "IEF285I", 0);
	assert_text("IEF196I         DSN (SYS1.X)", false, "", "IEF196I", 0);
	assert_text("IEF196I )", false, "", "IEF196I", 0);
}

static void the_job_name_is_taken_where_the_text_tells_it(void **state)
{
	static const struct {
		const char *text, *job;
	} cases[] = {{"$HASP373 PAYROLL1 STARTED - INIT 1", "PAYROLL1"}, {"$HASP395 A ENDED - RC=0000", "A"},
	        {"IEF403I TP - STARTED", "TP"}, {"IEF404I JOB123X - ENDED", "JOB123X"}, {"IEF450I X$# STEP - ABEND=S0C7", "X$#"},
	        {"IEF285I PAYROLL1 KEPT", ""}, {"IEF403I", ""}, {"IEF403I - STARTED", ""}, {"IEF404I TOOLONGNAME - ENDED", ""},
	        {"$HASP373 1BAD STARTED", ""}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct zos_text text;

		zos_text_read(&text, lg_str_from(cases[i].text), false);
		if (!lg_str_is(zos_job_name(&text), cases[i].job))
			fail_msg("%s", cases[i].text);
	}
}

static void severity_follows_the_table_then_the_type_code(void **state)
{
	static const struct {
		const char *id;
		bool waiting;
		uint8_t severity;
	} cases[] = {{"IEA404A", false, LG_ALERT}, {"IXC256A", false, LG_ALERT}, {"IOS001E", false, LG_ERR},
	        {"DSI802D", false, LG_WARN}, {"IEF403I", false, LG_INFORM}, {"IEF403I", true, LG_WARN},
	        {"CEE3204S", false, LG_CRIT}, {"XYZ123T", false, LG_CRIT}, {"XYZ123W", false, LG_WARN},
	        {"DFHAC2206", false, LG_INFORM}, {"", false, LG_INFORM}, {"", true, LG_WARN}, {"ICH408I", false, LG_WARN},
	        {"IEF450I", false, LG_ERR}, {"IEF450I", true, LG_ERR}, {"$HASP050", false, LG_WARN}, {"TSS7250E", false, LG_WARN},
	        {"ACF01012", false, LG_WARN}, {"IRR012I", false, LG_WARN}, {"IEF233A", false, LG_NOTE},
	        {"IEF233A", true, LG_WARN}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		uint8_t severity = zos_severity(&no_rules, lg_str_from(cases[i].id), cases[i].waiting);

		if (severity != cases[i].severity)
			fail_msg("%s: %d instead of %d", cases[i].id, severity, cases[i].severity);
	}
}

static void every_id_of_the_built_in_table_is_found(void **state)
{
	/* A table out of order would hide ids from the binary search; these stand at its ends and in its middle. */
	static const char *const ids[] = {
	        "$HASP050", "$HASP375", "CNZ4201E", "DFHSR0001", "ICH430I", "IEC161I", "IEF863I", "IST663I", "TSS7250E"};

	(void)state;
	for (size_t i = 0; i < sizeof(ids) / sizeof(*ids); i++)
		assert_int_not_equal(zos_severity(&no_rules, lg_str_from(ids[i]), false), LG_INFORM);
}

static void operators_override_by_id_before_pattern_and_pattern_in_order(void **state)
{
	char *items[] = {"IEF*", "debug", "IEF4??I", "alert", "IEF450I", "notice", "$HASP*", "err"};
	struct lg_strings pairs = {items, 8};
	struct zos_severities table;
	struct lg_err err;

	(void)state;
	assert_int_equal(zos_severities_init(&table, &pairs, &err), LG_OK);
	assert_int_equal(zos_severity(&table, LG_STR("IEF450I"), false), LG_NOTE);
	assert_int_equal(zos_severity(&table, LG_STR("IEF403I"), false), LG_DEBUGGING);
	assert_int_equal(zos_severity(&table, LG_STR("IEF403I"), true), LG_DEBUGGING);
	assert_int_equal(zos_severity(&table, LG_STR("$HASP373"), false), LG_ERR);
	assert_int_equal(zos_severity(&table, LG_STR("ICH408I"), false), LG_WARN);
	zos_severities_fini(&table);
}

static void an_unknown_severity_name_is_refused_with_its_pattern(void **state)
{
	char *items[] = {"IEF*", "warning", "ICH*", "loud"};
	struct lg_strings pairs = {items, 4};
	struct zos_severities table;
	struct lg_err err;

	(void)state;
	assert_int_equal(zos_severities_init(&table, &pairs, &err), LG_INVALID);
	assert_non_null(strstr(err.text, "ICH*"));
	assert_non_null(strstr(err.text, "loud"));
}

/* The fields of an ICH408I as name=value, one per line. */
static void assert_racf(const char *body, const char *expected)
{
	struct lg_buf scratch = {0}, out = {0};
	struct lg_draft draft;

	lg_draft_reset(&draft);
	zos_racf_fields(&draft, lg_str_from(body), &scratch);
	for (size_t i = 0; i < draft.field_count; i++)
		rig_print_value(&out, &draft.fields[i]);
	lg_buf_append(&out, "", 1);
	assert_string_equal((char *)out.data, expected);
	lg_buf_fini(&scratch);
	lg_buf_fini(&out);
}

static void a_data_set_violation_gives_all_its_parts(void **state)
{
	(void)state;
	assert_racf("ICH408I USER(JSMITH  ) GROUP(STAFF   ) NAME(JOHN SMITH          )\n"
	            "  SYS1.PARMLIB CL(DATASET ) VOL(VOL001)\n"
	            "  INSUFFICIENT ACCESS AUTHORITY\n"
	            "  FROM SYS1.* (G)\n"
	            "  ACCESS INTENT(UPDATE )  ACCESS ALLOWED(READ   )",
	        "\n  user.name=JSMITH\n  zos.racf.user=JSMITH\n  zos.racf.group=STAFF\n  zos.racf.name=JOHN SMITH\n  "
	        "event.category=iam"
	        "\n  zos.racf.class=DATASET\n  zos.racf.profile=SYS1.*\n  zos.racf.access_intent=UPDATE\n  "
	        "zos.racf.access_allowed=READ"
	        "\n  zos.racf.resource=SYS1.PARMLIB\n  zos.racf.reason=INSUFFICIENT ACCESS AUTHORITY\n  event.outcome=failure");
}

static void a_unix_path_may_wrap(void **state)
{
	(void)state;
	assert_racf("ICH408I USER(ZWESVUSR) GROUP(ZWEADMIN) NAME(ZOWE (TEST), SERVER\n"
	            "  /var/zowe/instance/workspace/api-mediation/very/long/path/na\n"
	            "  me/of/a/directory CL(DIRACC  ) FID(01E2D6E6F1000B0000000003)\n"
	            "  INSUFFICIENT AUTHORITY TO OPENDIR\n"
	            "  ACCESS INTENT(--X)  ACCESS ALLOWED(OTHER    ---)\n"
	            "  EFFECTIVE UID(0000010001)  EFFECTIVE GID(0000010000)",
	        "\n  user.name=ZWESVUSR\n  zos.racf.user=ZWESVUSR\n  zos.racf.group=ZWEADMIN\n  zos.racf.name=ZOWE (TEST), SERVER"
	        "\n  event.category=iam\n  zos.racf.class=DIRACC\n  zos.racf.access_intent=--X\n  zos.racf.access_allowed=OTHER  "
	        "  ---"
	        "\n  zos.racf.resource=/var/zowe/instance/workspace/api-mediation/very/long/path/name/of/a/directory"
	        "\n  zos.racf.reason=INSUFFICIENT AUTHORITY TO OPENDIR\n  event.outcome=failure");
}

static void a_refused_logon_is_authentication(void **state)
{
	(void)state;
	assert_racf("ICH408I USER(NOBODY  ) GROUP(        ) NAME(???                 )\n"
	            "  SUBMITTER(IBMUSER )\n"
	            "  LOGON/JOB INITIATION - INVALID PASSWORD",
	        "\n  user.name=NOBODY\n  zos.racf.user=NOBODY\n  zos.racf.name=???\n  event.category=authentication\n  "
	        "event.outcome=failure"
	        "\n  zos.racf.reason=INVALID PASSWORD");
}

static void a_warning_mode_profile_let_the_access_pass(void **state)
{
	(void)state;
	assert_racf("ICH408I JOB(BACKUP07) STEP(COPY    )\n"
	            "  PROD.DATA CL(DATASET ) VOL(VOL001)\n"
	            "  WARNING: INSUFFICIENT AUTHORITY - TEMPORARY ACCESS ALLOWED",
	        "\n  zos.job.name=BACKUP07\n  event.category=iam\n  zos.racf.class=DATASET\n  zos.racf.resource=PROD.DATA"
	        "\n  zos.racf.reason=WARNING: INSUFFICIENT AUTHORITY - TEMPORARY ACCESS ALLOWED\n  event.outcome=success");
}

static void a_cut_off_violation_gives_what_is_there(void **state)
{
	(void)state;
	assert_racf("ICH408I USER(JSM", "\n  user.name=JSM\n  zos.racf.user=JSM\n  event.category=iam\n  event.outcome=failure");
	assert_racf("", "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(message_ids_are_told_from_other_words),
	        cmocka_unit_test(the_id_is_found_behind_reply_id_and_action_character),
	        cmocka_unit_test(a_wrapped_message_counts_by_the_id_inside),
	        cmocka_unit_test(the_job_name_is_taken_where_the_text_tells_it),
	        cmocka_unit_test(severity_follows_the_table_then_the_type_code),
	        cmocka_unit_test(every_id_of_the_built_in_table_is_found),
	        cmocka_unit_test(operators_override_by_id_before_pattern_and_pattern_in_order),
	        cmocka_unit_test(an_unknown_severity_name_is_refused_with_its_pattern),
	        cmocka_unit_test(a_data_set_violation_gives_all_its_parts),
	        cmocka_unit_test(a_unix_path_may_wrap),
	        cmocka_unit_test(a_refused_logon_is_authentication),
	        cmocka_unit_test(a_warning_mode_profile_let_the_access_pass),
	        cmocka_unit_test(a_cut_off_violation_gives_what_is_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

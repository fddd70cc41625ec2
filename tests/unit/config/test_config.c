/* From YAML text to the settings structs, and back. */
#include "rig.h"

static const struct config_env plain_env = {.registry = &rig_registry};

static const char whole_example[] =
	"version: 1\n"
	"data_dir: /srv/lugger\n"
	"name: gate1\n"
	"memory: 64MiB\n"
	"spool: {max_size: 1GiB, segment_size: 8MiB, sync: interval, keep: 2h, compression: none, batch_size: 64KiB}\n"
	"egress:\n"
	"  allow:\n"
	"    - {host: a.example.com, port: 6514}\n"
	"    - cidr: 10.20.0.0/16\n"
	"      plaintext: true\n"
	"inputs:\n"
	"  - name: operlog\n"
	"    type: reader\n"
	"    path: [/logs/a/*, /logs/b]\n"
	"    encoding: cp37\n"
	"    framing: rdw\n"
	"    parser: zos-lines\n"
	"    timezone: America/New_York\n"
	"    expect_every: 5m\n"
	"  - name: net\n"
	"    type: door\n"
	"    address: 127.0.0.1:6514\n"
	"    framing: lf\n"
	"    tls: {cert_file: c.pem, key_file: /k.pem, verify_client: required}\n"
	"    password: hunter2\n"
	"    headers: {one: 1, \"two words\": 'x: y'}\n"
	"outputs:\n"
	"  - name: siem\n"
	"    type: pipe\n"
	"    servers: siem.example.com:6514\n"
	"    format: json\n"
	"    tls: off\n"
	"    inputs: [operlog]\n"
	"    where: 'severity at_least warning'\n"
	"    max_lag: 12h\n"
	"    on_lag: detach\n"
	"    rules:\n"
	"      - from: here\n"
	"      - {from: there, weight: 7}\n"
	"    msg_id: \"{zos.message.id}\"\n";

static void check_whole_inputs(const struct config *config)
{
	const struct reader_conf *reader = config->inputs[0].conf;
	const struct door_conf *door = config->inputs[1].conf;

	assert_string_equal(config->inputs[0].name, "operlog");
	assert_ptr_equal(config->inputs[0].plugin, &rig_reader);
	assert_int_equal(config->inputs[0].expect_every_ns, INT64_C(300000000000));
	assert_int_equal(reader->path.count, 2);
	assert_string_equal(reader->path.items[0], "/logs/a/*");
	assert_string_equal(reader->path.items[1], "/logs/b");
	assert_string_equal(reader->stream.encoding, "IBM-037");
	assert_int_equal(reader->stream.framing, LG_FRAMING_RDW);
	assert_ptr_equal(reader->stream.parser, &rig_lines);
	assert_string_equal(((struct lines_conf *)reader->stream.parser_conf)->timezone, "America/New_York");
	assert_int_equal(reader->depth, 3);
	assert_false(reader->eager);

	assert_string_equal(door->address, "127.0.0.1:6514");
	assert_int_equal(door->framing, 2);
	assert_int_equal(door->stream.framing, LG_FRAMING_LINE); /* the door's own option took the name */
	assert_string_equal(door->stream.encoding, "UTF-8");
	assert_ptr_equal(door->stream.parser, &rig_lines); /* the plugin's default */
	assert_string_equal(((struct lines_conf *)door->stream.parser_conf)->timezone, "UTC");
	assert_string_equal(door->tls.cert_file, "c.pem");
	assert_int_equal(door->tls.verify_client, 2);
	assert_string_equal(door->password, "hunter2");
	assert_int_equal(door->headers.count, 4);
	assert_string_equal(door->headers.items[2], "two words");
	assert_string_equal(door->headers.items[3], "x: y");
}

static void check_whole_output(const struct config_output *output)
{
	const struct pipe_conf *pipe = output->conf;
	const struct pipe_rule *rules = pipe->rules.items;

	assert_string_equal(output->name, "siem");
	assert_string_equal(output->format, "json");
	assert_int_equal(output->inputs.count, 1);
	assert_string_equal(output->inputs.items[0], "operlog");
	assert_string_equal(output->where, "severity at_least warning");
	assert_int_equal(output->start_at, 0);
	assert_int_equal(output->max_lag_ns, INT64_C(12) * 3600 * 1000000000);
	assert_int_equal(output->on_lag, 1);
	assert_string_equal(output->format_conf.msg_id, "{zos.message.id}");
	assert_int_equal(pipe->servers.count, 1);
	assert_true(pipe->tls.off);
	assert_int_equal(pipe->window, 8 << 20);
	assert_int_equal(pipe->rules.count, 2);
	assert_string_equal(rules[0].from, "here");
	assert_int_equal(rules[0].weight, 1);
	assert_string_equal(rules[1].from, "there");
	assert_int_equal(rules[1].weight, 7);
}

static void check_whole(const struct config *config)
{
	const struct config_allow *allow = config->egress.allow.items;

	assert_int_equal(config->version, 1);
	assert_string_equal(config->data_dir, "/srv/lugger");
	assert_string_equal(config->name, "gate1");
	assert_int_equal(config->memory, 64 << 20);
	assert_int_equal(config->spool.max_size, 1 << 30);
	assert_int_equal(config->spool.segment_size, 8 << 20);
	assert_int_equal(config->spool.sync, 1);
	assert_int_equal(config->spool.when_full, 0);
	assert_int_equal(config->spool.keep_ns, INT64_C(7200000000000));
	assert_int_equal(config->spool.compression, 1);
	assert_int_equal(config->spool.compression_level, 1);
	assert_int_equal(config->spool.linger_ns, 10000000);
	assert_int_equal(config->spool.batch_size, 65536);
	assert_true(config->egress.strict);
	assert_int_equal(config->egress.allow.count, 2);
	assert_string_equal(allow[0].host, "a.example.com");
	assert_int_equal(allow[0].port, 6514);
	assert_false(allow[0].plaintext);
	assert_null(allow[1].host);
	assert_string_equal(allow[1].cidr, "10.20.0.0/16");
	assert_true(allow[1].plaintext);
	assert_int_equal(config->input_count, 2);
	assert_int_equal(config->output_count, 1);
	check_whole_inputs(config);
	check_whole_output(&config->outputs[0]);
}

static void assert_loads(const struct config *config, enum lg_rc rc)
{
	char *problems = rig_problems(config);

	if (rc != LG_OK)
		print_error("%s", problems);
	assert_string_equal(problems, "");
	assert_int_equal(rc, LG_OK);
	free(problems);
}

static void every_option_lands_in_its_struct(void **state)
{
	enum lg_rc rc;
	struct config *config = rig_load(whole_example, &plain_env, &rc);

	(void)state;
	assert_loads(config, rc);
	check_whole(config);
	config_free(config);
}

static void the_resolved_text_loads_to_the_same_settings(void **state)
{
	enum lg_rc rc;
	struct config *config = rig_load(whole_example, &plain_env, &rc), *again;
	struct lg_buf text = {0}, text_again = {0};

	(void)state;
	config_resolve(config, &text);
	lg_buf_append_char(&text, '\0');
	assert_null(strstr((const char *)text.data, "hunter2"));
	assert_non_null(strstr((const char *)text.data, "password: \"***\"\n"));
	again = rig_load((const char *)text.data, &plain_env, &rc);
	assert_loads(again, rc);
	/* The secret alone differs. */
	free(((struct door_conf *)again->inputs[1].conf)->password);
	((struct door_conf *)again->inputs[1].conf)->password = strdup("hunter2");
	check_whole(again);
	config_resolve(again, &text_again);
	lg_buf_append_char(&text_again, '\0');
	assert_string_equal((const char *)text_again.data, (const char *)text.data);
	lg_buf_fini(&text);
	lg_buf_fini(&text_again);
	config_free(config);
	config_free(again);
}

static const char least[] = "version: 1\ninputs: [{name: a, type: reader, path: /x}]\noutputs: [{name: b, type: pipe, servers: h:1}]\n";

static void what_is_not_given_has_its_default(void **state)
{
	enum lg_rc rc;
	struct config *config = rig_load(least, &plain_env, &rc);

	(void)state;
	assert_loads(config, rc);
	assert_string_equal(config->data_dir, "/var/lib/lugger");
	assert_non_null(config->name);
	assert_int_equal(config->memory, 256 << 20);
	assert_int_equal(config->spool.max_size, INT64_C(20) << 30);
	assert_int_equal(config->spool.segment_size, 64 << 20);
	assert_int_equal(config->spool.keep_ns, INT64_C(86400000000000));
	assert_int_equal(config->spool.batch_size, 256 << 10);
	assert_false(config->egress.strict);
	assert_string_equal(config->outputs[0].format, "rfc5424");
	assert_string_equal(((struct lg_stream_conf *)config->inputs[0].conf)->encoding, "UTF-8");
	assert_ptr_equal(((struct lg_stream_conf *)config->inputs[0].conf)->parser, &rig_text);
	/* Where two tables have one field, the default of the row that serves the name. */
	assert_int_equal(((struct lg_stream_conf *)config->inputs[0].conf)->max_record_size, 96 << 10);
	config_free(config);
}

/* Nothing may leave: not the same as no rule. */
static void an_empty_list_of_rules_survives_the_resolved_text(void **state)
{
	char text[400];
	enum lg_rc rc;
	struct config *config, *again;
	struct lg_buf out = {0};

	(void)state;
	snprintf(text, sizeof(text), "%segress: {allow: []}\n", least);
	config = rig_load(text, &plain_env, &rc);
	assert_int_equal(rc, LG_OK);
	assert_int_equal(config->problem_count, 1); /* the output is denied: a warning */
	assert_true(config->egress.strict);
	config_resolve(config, &out);
	lg_buf_append_char(&out, '\0');
	again = rig_load((const char *)out.data, &plain_env, &rc);
	assert_int_equal(rc, LG_OK);
	assert_true(again->egress.strict);
	lg_buf_fini(&out);
	config_free(config);
	config_free(again);
}

static void the_floor_of_memory_counts_inputs_and_outputs(void **state)
{
	static const char two[] = "version: 1\ninputs:\n- {name: a, type: reader, path: /x, max_record_size: 1MiB}\n- {name: c, type: reader, path: /x}\n"
	                          "outputs: [{name: b, type: pipe, servers: h:1}]\n";
	const uint64_t kib = 1 << 10, mib = 1 << 20;
	enum lg_rc rc;
	struct config *config = rig_load(least, &plain_env, &rc);

	(void)state;
	/* A batch: batch_size + one chunk of 256 KiB. Two for the input, two and a queue for the output, and the writer. */
	assert_int_equal(config_floor_bytes(config), 2 * 512 * kib + 5 * 512 * kib + 2 * mib + mib);
	config_free(config);
	config = rig_load(two, &plain_env, &rc);
	assert_loads(config, rc);
	assert_int_equal(config_floor_bytes(config), 4 * (mib + 256 * kib) + 5 * (mib + 256 * kib) + 2 * mib + mib);
	config_free(config);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_option_lands_in_its_struct),
		cmocka_unit_test(the_resolved_text_loads_to_the_same_settings),
		cmocka_unit_test(what_is_not_given_has_its_default),
		cmocka_unit_test(an_empty_list_of_rules_survives_the_resolved_text),
		cmocka_unit_test(the_floor_of_memory_counts_inputs_and_outputs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

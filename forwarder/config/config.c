#include "config/config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "base/sys.h"
#include "config/egress.h"
#include "config/item.h"
#include "config/option.h"
#include "config/tables.h"
#include "config/yamltree.h"

#define CONFIG_ITEMS_MAX 1000 /* inputs; outputs: CONFIG_OUTPUTS_MAX, what the spool's state has room for */
#define CONFIG_OUTPUTS_MAX 32

static const struct config_mark whole_file = {0, 0};

/* ---- reading the file ---- */

static enum lg_rc read_file(struct config *config, struct problems *problems, bool *is_private)
{
	FILE *f = fopen(config->path, "rb");
	struct stat st;
	size_t n = 0;

	if (!f || fstat(fileno(f), &st) < 0 || S_ISDIR(st.st_mode)) {
		problems_error(problems, whole_file, "cannot be read: %s", f ? "it is a directory" : strerror(errno));
		if (f)
			fclose(f);
		return LG_INVALID;
	}
	*is_private = !(st.st_mode & (S_IRWXG | S_IRWXO));
	/* One byte more than allowed, so that yamltree sees it is too much. */
	do {
		size_t want = YAMLTREE_SIZE_MAX + 1 - config->source.size;

		n = fread(lg_buf_reserve(&config->source, want < 65536 ? want : 65536), 1, want < 65536 ? want : 65536, f);
		config->source.size += n;
	} while (n > 0 && config->source.size <= YAMLTREE_SIZE_MAX);
	if (ferror(f))
		problems_error(problems, whole_file, "cannot be read: %s", strerror(errno));
	fclose(f);
	return problems->errors ? LG_INVALID : LG_OK;
}

static char *folder_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	if (!slash)
		return mem_strdup("");
	return slash == path ? mem_strdup("/") : mem_strndup(path, (size_t)(slash - path));
}

/* ---- what the tables cannot say ---- */

static struct config_mark mark_of_option(const struct yaml_node *mapping, const char *table, const char *name)
{
	const struct yaml_node *node = table ? yamltree_get(mapping, table) : mapping;
	const struct yaml_node *value = node ? yamltree_get(node, name) : NULL;

	return value ? value->mark : node ? node->mark : mapping->mark;
}

/* The longest record an input takes whole: its `max_record_size`, whichever table has that. */
static uint64_t longest_record(const struct config_input *input)
{
	struct option_set sets[CONFIG_SETS_MAX];
	size_t count = input->plugin ? config_input_sets(input, sets) : 0;

	for (size_t i = 0; i < count; i++) {
		for (const struct lg_option *row = sets[i].table; row && row->name; row++) {
			if (row->type == LG_OPT_SIZE && !strcmp(row->name, "max_record_size"))
				return *(const uint64_t *)((const char *)sets[i].base + row->offset);
		}
	}
	return 0;
}

static uint64_t frame_bytes(const struct config *config)
{
	uint64_t frame = config->spool.batch_size;

	for (size_t i = 0; i < config->input_count; i++) {
		uint64_t record = longest_record(&config->inputs[i]);

		frame = record > frame ? record : frame;
	}
	return frame + (256u << 10); /* a batch closes at the first chunk of source bytes that passes its size */
}

uint64_t config_floor_bytes(const struct config *config)
{
	uint64_t frame = frame_bytes(config), mib = 1u << 20;

	/* An output may replay beside its live flow: a second instance, which holds a marked copy of its frame as well. */
	return config->input_count * 2 * frame + config->output_count * ((2 * frame + mib) + (3 * frame + mib)) + mib;
}

static void check_sizes(const struct config *config, const struct yaml_node *root, struct problems *problems)
{
	uint64_t floor = config_floor_bytes(config), frame = frame_bytes(config), room = 64u << 10;
	struct lg_buf text = {0};

	if (config->spool.max_size / 4 < config->spool.segment_size) {
		option_put_size(&text, 4 * config->spool.segment_size);
		problems_error(problems, mark_of_option(root, "spool", "max_size"),
		        "`max_size` of the spool must hold at least four segments: %.*s or more, or a smaller `segment_size`",
		        (int)text.size, (const char *)text.data);
	}
	lg_buf_clear(&text);
	if (config->spool.segment_size < frame + room) {
		option_put_size(&text, frame + room);
		problems_error(problems, mark_of_option(root, "spool", "segment_size"),
		        "`segment_size` cannot hold the largest batch of these inputs: at least %.*s, or a smaller `batch_size` "
		        "or `max_record_size`",
		        (int)text.size, (const char *)text.data);
	}
	lg_buf_clear(&text);
	if (config->memory < floor) {
		option_put_size(&text, (floor + (1u << 20) - 1) >> 20 << 20);
		problems_error(problems, mark_of_option(root, NULL, "memory"),
		        "`memory` is below what %zu inputs and %zu outputs need to make progress: at least %.*s (%llu bytes)",
		        config->input_count, config->output_count, (int)text.size, (const char *)text.data,
		        (unsigned long long)floor);
	}
	lg_buf_fini(&text);
}

/* ---- inputs and outputs ---- */

static const struct yaml_node *item_list(const struct yaml_node *root, const char *name, size_t max, struct problems *problems)
{
	const struct yaml_node *list = yamltree_get(root, name);

	if (!list)
		return NULL; /* already reported as missing */
	if (list->kind != YAML_KIND_LIST)
		problems_error(problems, list->mark, "`%s` is %s, expected a list: lines that begin with `- `", name,
		        yamltree_kind_name(list));
	else if (!list->count)
		problems_error(problems, list->mark, "`%s` is empty; at least one is needed", name);
	else if (list->count > max)
		problems_error(problems, list->items[max]->mark, "more than %zu %s", max, name);
	else
		return list;
	return NULL;
}

static void read_items(const struct option_reader *reader, const struct yaml_node *root, struct config *config)
{
	const struct yaml_node *inputs = item_list(root, "inputs", CONFIG_ITEMS_MAX, reader->problems);
	const struct yaml_node *outputs = item_list(root, "outputs", CONFIG_OUTPUTS_MAX, reader->problems);

	config->inputs = mem_zalloc((inputs ? inputs->count : 0) * sizeof(*config->inputs));
	config->outputs = mem_zalloc((outputs ? outputs->count : 0) * sizeof(*config->outputs));
	for (size_t i = 0; inputs && i < inputs->count; i++) {
		item_read_input(reader, inputs->items[i], config, &config->inputs[config->input_count]);
		config->input_count++;
	}
	for (size_t i = 0; outputs && i < outputs->count; i++) {
		item_read_output(reader, outputs->items[i], config, &config->outputs[config->output_count]);
		config->output_count++;
	}
}

static void check_keys(const struct option_reader *reader, const struct yaml_node *root, const struct config *config)
{
	const struct config_env *env = reader->env;
	const char *path = config->spool.encryption_key_file;
	struct lg_err err = {0};

	if (path && env->check_files && env->check_keys && env->check_keys(path, config->data_dir, &err) != LG_OK)
		problems_error(reader->problems, mark_of_option(root, "spool", "encryption_key_file"), "`encryption_key_file`: %s",
		        err.text);
}

static void check_data_dir(const struct option_reader *reader, const struct yaml_node *root, const struct config *config)
{
	struct lg_err err = {0};

	if (config->data_dir && reader->env->check_data_dir && reader->env->check_data_dir(config->data_dir, &err) != LG_OK)
		problems_error(reader->problems, mark_of_option(root, NULL, "data_dir"), "%s", err.text);
}

static void read_top(const struct option_reader *reader, const struct yaml_node *root, struct config *config)
{
	const struct option_set top = {config_top_options, config, "", NULL};
	const struct yaml_node *egress = yamltree_get(root, "egress");
	char host[256];

	option_read(reader, root, &top, 1, "the configuration");
	config->egress.strict = egress && yamltree_get(egress, "allow");
	if (!config->name)
		config->name = mem_strdup(sys_host_name(host, sizeof(host)) == 0 ? host : "localhost");
	egress_check_rules(config, root, reader->problems);
	read_items(reader, root, config);
	egress_check_destinations(config, root, reader->problems);
	check_keys(reader, root, config);
	check_data_dir(reader, root, config);
	/* Consequences of sizes that were refused would only confuse. */
	if (!reader->problems->errors)
		check_sizes(config, root, reader->problems);
}

enum lg_rc config_load(struct config **out, const char *path, const struct lg_str *text, const struct config_env *env)
{
	struct config *config = mem_zalloc(sizeof(*config));
	struct problems problems = {0};
	struct option_reader reader = {.env = env, .problems = &problems, .file_is_private = true};
	struct yaml_tree tree = {0};
	enum lg_rc rc = LG_OK;
	char *folder = folder_of(path);

	*out = config;
	config->path = mem_strdup(path);
	reader.dir = folder;
	if (text)
		lg_buf_append_str(&config->source, *text);
	else
		rc = read_file(config, &problems, &reader.file_is_private);
	if (rc == LG_OK)
		rc = yamltree_load(&tree, lg_buf_str(&config->source), &problems);
	if (rc == LG_OK)
		read_top(&reader, tree.root, config);
	yamltree_free(&tree);
	free(folder);
	problems_sort(&problems);
	config->problems = problems.items;
	config->problem_count = problems.count;
	config->error_count = problems.errors;
	return problems.errors ? LG_INVALID : LG_OK;
}

void config_free(struct config *config)
{
	if (!config)
		return;
	for (size_t i = 0; i < config->input_count; i++)
		item_free_input(&config->inputs[i]);
	for (size_t i = 0; i < config->output_count; i++)
		item_free_output(&config->outputs[i]);
	free(config->inputs);
	free(config->outputs);
	option_free(config_top_options, config);
	for (size_t i = 0; i < config->problem_count; i++)
		free(config->problems[i].text);
	free(config->problems);
	lg_buf_fini(&config->source);
	free(config->path);
	free(config);
}

void config_print_problems(const struct config *config, struct lg_buf *out)
{
	problems_print(config->problems, config->problem_count, config->path, lg_buf_str(&config->source), out);
	if (config->error_count > config->problem_count)
		lg_buf_printf(out, "%s: error: %zu errors in all; these are the first\n", config->path, config->error_count);
}

static void resolve_item(const struct option_set *sets, size_t count, struct lg_buf *out)
{
	size_t start = out->size;

	option_print(sets, count, 4, out);
	out->data[start + 2] = '-';
}

void config_resolve(const struct config *config, struct lg_buf *out)
{
	const struct option_set top = {config_top_options, (void *)config, "", NULL};
	struct option_set sets[CONFIG_SETS_MAX];

	option_print(&top, 1, 0, out);
	lg_buf_append_cstr(out, "inputs:\n");
	for (size_t i = 0; i < config->input_count; i++)
		resolve_item(sets, config_input_sets(&config->inputs[i], sets), out);
	lg_buf_append_cstr(out, "outputs:\n");
	for (size_t i = 0; i < config->output_count; i++)
		resolve_item(sets, config_output_sets(&config->outputs[i], sets), out);
}

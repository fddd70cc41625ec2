/* config.h - from lugger.yaml to the settings structs, with every error of the file at once. Stages: yamltree (libyaml to a tree
 * with marks), option (one tree mapping walked with one table), config (the top level). One owner: the main thread. */
#ifndef CONFIG_H
#define CONFIG_H

#include "api/lugger_plugin.h"

struct config_problem {
	unsigned line, column; /* 1-based; 0: of the file as a whole */
	bool warning;
	char *text;            /* what was found, what was expected, the nearest known key, the remedy */
};

/* What config must ask of layers beside or above it. */
struct config_env {
	const struct lg_registry *registry;
	/* Compiles a `where` expression; on failure *at is the byte offset of the trouble in it. */
	enum lg_rc (*check_where)(const char *expression, size_t *at, struct lg_err *err);
	/* For warnings, asked for expressions that compile; each may be NULL. The fields it names (see filter_fields), and the
	 * offset of a `$` that is not at the end of its pattern. */
	void (*where_fields)(const char *expression, void (*each)(void *arg, unsigned field, struct lg_str name), void *arg);
	bool (*where_dollar)(const char *expression, size_t *at);
	/* Loads the files of a `tls` mapping; NULL: only their presence is checked. */
	enum lg_rc (*check_tls)(const struct lg_tls_conf *tls, bool server, struct lg_err *err);
	/* Reads the key file of the spool; NULL: only its presence is checked. */
	enum lg_rc (*check_keys)(const char *key_file, const char *data_dir, struct lg_err *err);
	/* May the control socket have its place in data_dir? NULL: not asked. */
	enum lg_rc (*check_data_dir)(const char *data_dir, struct lg_err *err);
	/* False: only syntax and values (schema generation, tests); true: also files, certificates, time zones. */
	bool check_files;
};

/* A common option of every input or output lives in these structs; the plugin's own in conf. */
struct config_input {
	char *name, *type;
	const struct lg_input_plugin *plugin;
	void *conf;               /* plugin->conf_size bytes; starts with struct lg_stream_conf where plugin->uses_stream */
	uint64_t spool_quota; /* bytes; 0: none */
	int64_t expect_every_ns;  /* 0: no expectation */
	unsigned line;
};

struct config_output {
	char *name, *type;
	const struct lg_output_plugin *plugin;
	void *conf;
	struct lg_format_conf format_conf;
	char *format;
	struct lg_strings inputs; /* empty: all */
	char *where;              /* NULL: everything */
	int start_at;             /* 0 auto: oldest on a new spool, end in one with history; 1 oldest, 2 end */
	int64_t max_lag_ns;       /* 0: none */
	int on_lag;               /* 0 block, 1 detach */
	unsigned line;
};

struct config_allow { /* one egress rule */
	char *host; /* name, or NULL */
	char *cidr; /* or NULL */
	int64_t port; /* 0: any */
	bool plaintext;
};

struct config_egress {
	bool strict;            /* `allow` was given: everything else is denied */
	struct lg_rules allow;  /* of struct config_allow */
};

struct config_spool {
	uint64_t max_size, segment_size;
	int sync;            /* enum spool_sync */
	int64_t sync_interval_ns;
	int when_full;        /* block, drop-oldest, drop-new */
	int discard_severity; /* a severity 0..7, 8: none */
	int64_t discard_mark; /* percent */
	int64_t keep_ns;
	int compression;     /* 0 zstd, 1 none */
	int64_t compression_level;
	int64_t linger_ns;
	uint64_t batch_size;
	char *encryption_key_file; /* NULL: the spool is not encrypted */
};

struct config {
	char *path;
	int64_t version;
	char *data_dir;
	char *name;          /* the gateway's name in agent.name; default: the host's name */
	uint64_t memory;
	struct config_spool spool;
	struct config_egress egress;
	struct config_input *inputs;
	size_t input_count;
	struct config_output *outputs;
	size_t output_count;
	struct config_problem *problems; /* errors and warnings, by line */
	size_t problem_count, error_count;
	struct lg_buf source; /* the file's text, for config_print_problems */
};

/* Reads the file. Always returns a config (free it); LG_OK only when error_count is 0. `text` instead of a file when not NULL
 * (path is then only a name). */
enum lg_rc config_load(struct config **config, const char *path, const struct lg_str *text, const struct config_env *env);
void config_free(struct config *config);
/* "lugger.yaml:12:9: error: ..." lines, one a problem, with the offending line and a caret under it. */
void config_print_problems(const struct config *config, struct lg_buf *out);
/* The effective settings with all defaults, as YAML that loads to the same settings but for secrets, which print as "***". Only
 * after LG_OK. */
void config_resolve(const struct config *config, struct lg_buf *out);
/* The least `memory` that can work: for each input two batches, for each output two maximal frames and its queue of 1 MiB, the same and one
 * frame more for a replay beside it, 1 MiB
 * for the writer. Below it an output might be unable to read the frame whose delivery frees space (DESIGN 1.5). */
uint64_t config_floor_bytes(const struct config *config);

/* Generated from the tables: conf/reference.md, conf/lugger.schema.json (JSON Schema 2020-12), conf/lugger.yaml (the commented
 * sample). */
void config_write_reference(const struct lg_registry *registry, struct lg_buf *out);
void config_write_schema(const struct lg_registry *registry, struct lg_buf *out);
void config_write_sample(const struct lg_registry *registry, struct lg_buf *out);
/* The page lugger.yaml(5), packaging/man/lugger.yaml.5 (troff, man macros). */
void config_write_man(const struct lg_registry *registry, struct lg_buf *out);

#endif

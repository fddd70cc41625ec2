/* cli.h - the subcommands, one file each, and what they share. Exit codes: 0 fine, 1 found a problem, 2 usage. */
#ifndef CLI_H
#define CLI_H

#include "api/lugger_plugin.h"
#include "config/config.h"

#define CLI_DEFAULT_CONFIG "/etc/lugger/lugger.yaml"

/* argv[0] is the subcommand's name. */
int cmd_run(int argc, char **argv, const struct lg_registry *registry);
int cmd_check(int argc, char **argv, const struct lg_registry *registry);
int cmd_status(int argc, char **argv, const struct lg_registry *registry);
int cmd_decode(int argc, char **argv, const struct lg_registry *registry);
int cmd_spool(int argc, char **argv, const struct lg_registry *registry);
/* Verbs of `spool` with files of their own: argv[1] is the verb. */
int cmd_spool_export(int argc, char **argv, const struct lg_registry *registry);
int cmd_spool_repair(int argc, char **argv, const struct lg_registry *registry);
int cmd_replay(int argc, char **argv, const struct lg_registry *registry);
int cmd_dlq(int argc, char **argv, const struct lg_registry *registry);
int cmd_output(int argc, char **argv, const struct lg_registry *registry);
int cmd_plugins(int argc, char **argv, const struct lg_registry *registry);
int cmd_version(int argc, char **argv, const struct lg_registry *registry);
int cmd_reference(int argc, char **argv, const struct lg_registry *registry);

/* Says what is wrong with the call and how to find the right one; returns 2. */
int cli_usage(const char *command, const char *fmt, ...) LG_PRINTF(2, 3);
/* The environment config_load wants: registry, filter compiler, files checked. */
struct config_env cli_config_env(const struct lg_registry *registry);
/* Loads the file and prints its problems to standard error; NULL when it has errors (exit 1). With `warnings` (to run
 * it) these are printed, and files, certificates and secrets must be there. */
struct config *cli_load(const char *path, const struct lg_registry *registry, bool warnings);
/* Writes all of out to standard output; false when that fails (a closed pipe). */
bool cli_print(const struct lg_buf *out);

#endif

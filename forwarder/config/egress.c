#include "config/egress.h"

#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"
#include "config/option.h"

static bool is_cidr(const char *text)
{
	const char *slash = strchr(text, '/');
	unsigned char address[16];
	char host[64];
	int64_t bits;

	if (!slash || (size_t)(slash - text) >= sizeof(host))
		return false;
	memcpy(host, text, (size_t)(slash - text));
	host[slash - text] = '\0';
	if (!text_parse_i64(lg_str_from(slash + 1), &bits) || bits < 0)
		return false;
	return (inet_pton(AF_INET, host, address) == 1 && bits <= 32) || (inet_pton(AF_INET6, host, address) == 1 && bits <= 128);
}

void egress_check_rules(const struct config *config, const struct yaml_node *root, struct problems *problems)
{
	const struct yaml_node *egress = yamltree_get(root, "egress"), *list = egress ? yamltree_get(egress, "allow") : NULL;

	for (size_t i = 0; list && list->kind == YAML_KIND_LIST && i < config->egress.allow.count; i++) {
		const struct config_allow *rule = (const struct config_allow *)config->egress.allow.items + i;
		const struct yaml_node *node = list->items[i];

		if (node->kind != YAML_KIND_MAPPING)
			continue;
		if (!rule->host == !rule->cidr)
			problems_error(problems, node->mark, "an entry of `allow` needs either `host` or `cidr`%s",
			        rule->host ? ", not both" : "");
		if (rule->cidr && !is_cidr(rule->cidr))
			problems_error(problems, yamltree_get(node, "cidr")->mark,
			        "`cidr: %.80s`: expected a network such as 10.20.0.0/16 or fd00::/8", rule->cidr);
	}
}

/* "host:port", "[::1]:port", "host(port)" into its parts; the host without brackets. */
static bool split_server(struct lg_str server, struct lg_str *host, int64_t *port)
{
	size_t colon = server.size;

	for (size_t i = 0; i + 2 < server.size; i++)
		if (memcmp(server.data + i, "://", 3) == 0)
			return split_server((struct lg_str){server.data + i + 3, server.size - i - 3}, host, port);
	if (colon && server.data[colon - 1] == ')') {
		while (colon > 0 && server.data[colon - 1] != '(')
			colon--;
		if (colon < 2 || !text_parse_i64((struct lg_str){server.data + colon, server.size - colon - 1}, port))
			return false;
		*host = (struct lg_str){server.data, colon - 1};
		return true;
	}
	while (colon > 0 && server.data[colon - 1] != ':')
		colon--;
	if (colon < 2 || !text_parse_i64((struct lg_str){server.data + colon, server.size - colon}, port))
		return false;
	*host = (struct lg_str){server.data, colon - 1};
	if (host->size > 2 && host->data[0] == '[' && host->data[host->size - 1] == ']')
		*host = (struct lg_str){host->data + 1, host->size - 2};
	return true;
}

static bool may_permit(const struct lg_rules *allow, struct lg_str host, int64_t port)
{
	for (size_t i = 0; i < allow->count; i++) {
		const struct config_allow *rule = (const struct config_allow *)allow->items + i;
		bool same = rule->host && strlen(rule->host) == host.size && !strncasecmp(rule->host, host.data, host.size);

		if ((same || rule->cidr) && (!rule->port || rule->port == port))
			return true;
	}
	return false;
}

static void check_servers(const struct config *config, const struct yaml_node *node, struct problems *problems)
{
	size_t count = node->kind == YAML_KIND_LIST ? node->count : 1;

	for (size_t i = 0; i < count; i++) {
		const struct yaml_node *server = node->kind == YAML_KIND_LIST ? node->items[i] : node;
		struct lg_buf name = {0};
		struct lg_str host;
		int64_t port;

		if (server->kind != YAML_KIND_SCALAR || !split_server(server->text, &host, &port) ||
		    may_permit(&config->egress.allow, host, port))
			continue;
		option_put_scalar(&name, host);
		problems_warning(problems, server->mark,
		        "`egress.allow` does not permit this connection; to permit it add: - {host: %.*s, port: %lld}",
		        (int)(name.size < 255 ? name.size : 255), (const char *)name.data, (long long)port);
		lg_buf_fini(&name);
	}
}

static void check_item(const struct config *config, const struct lg_option *row, const struct yaml_node *item, struct problems *problems)
{
	for (; row && row->name; row++) {
		const struct yaml_node *value = row->flags & LG_OPT_DESTINATION ? yamltree_get(item, row->name) : NULL;

		if (value)
			check_servers(config, value, problems);
	}
}

void egress_check_destinations(const struct config *config, const struct yaml_node *root, struct problems *problems)
{
	const struct yaml_node *inputs = yamltree_get(root, "inputs"), *outputs = yamltree_get(root, "outputs");

	if (!config->egress.strict)
		return;
	for (size_t i = 0; i < config->input_count; i++)
		if (config->inputs[i].plugin)
			check_item(config, config->inputs[i].plugin->options, inputs->items[i], problems);
	for (size_t i = 0; i < config->output_count; i++)
		if (config->outputs[i].plugin)
			check_item(config, config->outputs[i].plugin->options, outputs->items[i], problems);
}

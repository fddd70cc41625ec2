#include "egress/policy.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "net/addr.h"
#include "net/cidr.h"

struct rule {
	char *host; /* NULL: `range` */
	struct cidr range;
	bool has_range; /* a cidr, or a host that is an address */
	uint16_t port;
	bool plaintext;
};

struct destination {
	char *host;
	uint16_t port;
};

/* Immutable once threads run, but for the counters. */
struct policy {
	bool strict;
	struct rule *rules;
	size_t rule_count;
	struct destination *destinations;
	size_t destination_count, destination_cap;
	_Atomic uint64_t permitted, denied;
};

/* Names are compared without regard to case and to the root's dot at the end (RFC 4343, RFC 1034 section 3.1). */
static bool same_host(const char *a, const char *b)
{
	size_t na = strlen(a), nb = strlen(b);

	if (na > 1 && a[na - 1] == '.')
		na--;
	if (nb > 1 && b[nb - 1] == '.')
		nb--;
	return na == nb && strncasecmp(a, b, na) == 0;
}

static enum lg_rc make_rule(struct rule *rule, const struct policy_rule *from, struct lg_err *err)
{
	rule->port = from->port;
	rule->plaintext = from->plaintext;
	if (!from->host == !from->cidr)
		return lg_err_set(err, LG_INVALID, "egress.allow: a rule needs either host or cidr");
	if (from->cidr) {
		rule->has_range = true;
		if (!cidr_parse_range(from->cidr, &rule->range))
			return lg_err_set(err, LG_INVALID, "egress.allow: \"%s\" is not an address range such as 10.20.0.0/16 or fd00::/8",
			                  from->cidr);
		return LG_OK;
	}
	if (!from->host[0])
		return lg_err_set(err, LG_INVALID, "egress.allow: host is empty");
	rule->host = mem_strdup(from->host);
	rule->has_range = cidr_parse_address(from->host, &rule->range);
	return LG_OK;
}

enum lg_rc policy_new(struct policy **out, bool strict, const struct policy_rule *rules, size_t count, struct lg_err *err)
{
	struct policy *policy = mem_zalloc(sizeof(*policy));

	*out = NULL;
	policy->strict = strict;
	policy->rules = mem_zalloc((count + 1) * sizeof(*policy->rules));
	for (size_t i = 0; i < count; i++) {
		enum lg_rc rc = make_rule(&policy->rules[policy->rule_count++], &rules[i], err);

		if (rc != LG_OK) {
			policy_free(policy);
			return rc;
		}
	}
	*out = policy;
	return LG_OK;
}

void policy_free(struct policy *policy)
{
	if (!policy)
		return;
	for (size_t i = 0; i < policy->rule_count; i++)
		free(policy->rules[i].host);
	for (size_t i = 0; i < policy->destination_count; i++)
		free(policy->destinations[i].host);
	free(policy->rules);
	free(policy->destinations);
	free(policy);
}

void policy_add_destination(struct policy *policy, const char *host, uint16_t port)
{
	policy->destinations = mem_grow(policy->destinations, &policy->destination_cap, policy->destination_count + 1,
	                                sizeof(*policy->destinations));
	policy->destinations[policy->destination_count++] = (struct destination){mem_strdup(host), port};
}

enum verdict { NOBODY, ONLY_ENCRYPTED, PERMITTED };

static enum verdict ask_rules(const struct policy *policy, const char *host, uint16_t port, const struct sockaddr *addr, bool encrypted,
                              bool learned)
{
	enum verdict verdict = NOBODY;

	for (size_t i = 0; i < policy->rule_count; i++) {
		const struct rule *rule = &policy->rules[i];

		if (rule->port && rule->port != port)
			continue;
		if (!(rule->host && same_host(rule->host, host)) && !(rule->has_range && cidr_has(&rule->range, addr)))
			continue;
		if (encrypted || rule->plaintext)
			return PERMITTED;
		verdict = ONLY_ENCRYPTED;
	}
	if (policy->strict)
		return verdict;
	for (size_t i = 0; i < policy->destination_count; i++)
		if (policy->destinations[i].port == port && same_host(policy->destinations[i].host, host))
			return encrypted ? PERMITTED : ONLY_ENCRYPTED;
	if (learned)
		return encrypted ? PERMITTED : ONLY_ENCRYPTED;
	return verdict;
}

static void add_yaml(struct lg_buf *yaml, const char *host, uint16_t port, bool plaintext)
{
	const char *quote = strchr(host, ':') ? "\"" : "";

	lg_buf_printf(yaml, "%s{host: %s%s%s, port: %u%s}", yaml->size ? ", " : "", quote, host, quote, (unsigned)port,
	              plaintext ? ", plaintext: true" : "");
}

/* One line of YAML, so that it survives a log. `allow` makes the policy strict: where it is not yet, the other destinations are
 * listed too. */
static enum lg_rc deny(const struct policy *policy, const char *host, uint16_t port, const struct sockaddr *addr, bool plaintext,
                       const char *why, struct lg_err *err)
{
	struct lg_buf yaml = {0};
	char ip[ADDR_IP_TEXT];
	bool more = policy->rule_count > 0;

	addr_format_ip(addr, ip);
	add_yaml(&yaml, host, port, plaintext);
	for (size_t i = 0; !policy->strict && i < policy->destination_count; i++) {
		const struct destination *other = &policy->destinations[i];

		if (other->port == port && same_host(other->host, host))
			continue;
		if (yaml.size > 600) {
			more = true;
			break;
		}
		add_yaml(&yaml, other->host, other->port, false);
	}
	lg_err_set(err, LG_DENIED, "egress policy: %s %s:%u (%s): %s; this would permit it: egress: {allow: [%.*s%s]}",
	           plaintext ? "plaintext to" : "connection to", host, (unsigned)port, ip, why, (int)yaml.size, (const char *)yaml.data,
	           more ? ", ..." : "");
	lg_buf_fini(&yaml);
	return LG_DENIED;
}

static enum lg_rc permit(struct policy *policy, const char *host, uint16_t port, const struct sockaddr *addr, bool plaintext, bool learned,
                         struct lg_err *err)
{
	/* Plaintext that does not leave the machine is as good as encrypted. */
	enum verdict verdict = ask_rules(policy, host, port, addr, !plaintext || addr_is_loopback(addr), learned);

	if (verdict == PERMITTED) {
		atomic_fetch_add_explicit(&policy->permitted, 1, memory_order_relaxed);
		return LG_OK;
	}
	atomic_fetch_add_explicit(&policy->denied, 1, memory_order_relaxed);
	if (verdict == ONLY_ENCRYPTED)
		return deny(policy, host, port, addr, plaintext,
		            policy->strict ? "the rule for it does not say plaintext: true" : "plaintext goes to this machine alone unless a rule says otherwise",
		            err);
	return deny(policy, host, port, addr, plaintext && !addr_is_loopback(addr),
	            policy->strict ? "no rule of egress.allow names it" : "it is not a configured destination", err);
}

enum lg_rc policy_permit(struct policy *policy, const char *host, uint16_t port, const struct sockaddr *addr, bool plaintext,
                         struct lg_err *err)
{
	return permit(policy, host, port, addr, plaintext, false, err);
}

enum lg_rc policy_permit_learned(struct policy *policy, const char *host, uint16_t port, const struct sockaddr *addr, bool plaintext,
                                 struct lg_err *err)
{
	return permit(policy, host, port, addr, plaintext, true, err);
}

void policy_counts(const struct policy *policy, uint64_t *permitted, uint64_t *denied)
{
	*permitted = atomic_load_explicit(&policy->permitted, memory_order_relaxed);
	*denied = atomic_load_explicit(&policy->denied, memory_order_relaxed);
}

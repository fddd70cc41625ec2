#!/usr/bin/env python3
"""Plaintext that would leave the machine, and a destination no rule allows: the output's state is `denied`, nothing is sent, and the YAML that
would permit it is printed; pasted into the configuration it does permit it.
"""

import re

from rig import Rig, by_identity, check, compare
from texts import many_lines

with Rig() as rig:
    lines = many_lines(500)
    log = rig.write("app.log", "".join(line + "\n" for line in lines))
    inputs = [{"name": "app", "type": "file", "path": [log]}]

    # 192.0.2.0/24 is documentation space (RFC 5737): no packet may even be tried.
    plain = rig.lugger("plain", {
        "inputs": inputs, "outputs": [{"name": "far", "type": "syslog", "transport": "tcp", "servers": ["192.0.2.1:514"]}]})
    plain.start()
    denied = plain.until_output("far", "the denial shows", lambda out: out["state"] == "denied")
    check("plaintext: true" in denied["last_error"] and "192.0.2.1" in denied["last_error"], "no YAML to permit it: %r", denied["last_error"])
    check("plaintext: true" in plain.log(), "the log does not hold the YAML")
    check(plain.stop() == 0, "the shipper did not end in order")

    # Strict: with `allow`, what is not listed is denied, loopback too.
    ca, server = rig.ca(), rig.cert("server")
    sink = rig.sink(cert=server)
    outputs = [{"name": "siem", "type": "syslog", "servers": ["127.0.0.1:%d" % sink.port], "tls": {"ca_file": ca.pem}}]
    strict = rig.lugger("strict", {"egress": {"allow": [{"host": "elsewhere.example.com", "port": 6514}]}, "inputs": inputs, "outputs": outputs})
    strict.start()
    denied = strict.until_output("siem", "the denial shows", lambda out: out["state"] == "denied")
    check(strict.stop() == 0, "the shipper did not end in order")
    check(sink.events() == [], "a connection was opened against the policy: %r", sink.events())

    rule = re.search(r"\{[^{}]*%d[^{}]*\}" % sink.port, denied["last_error"])
    check(rule, "no rule to paste in %r", denied["last_error"])
    strict.configure(rig, {"inputs": inputs, "outputs": outputs})
    with open(strict.config_path, "a") as out:
        out.write("egress:\n  allow:\n    - %s\n" % rule.group())
    strict.once()
    compare("lines", [line.encode() for line in lines], by_identity(sink.messages(), lambda message: message.body).values())

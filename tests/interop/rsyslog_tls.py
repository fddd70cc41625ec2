#!/usr/bin/env python3
"""rsyslog (imtcp over TLS, octet counting, client certificate required) receives every line of a file once, byte for byte.

A first shipper has no client certificate: with TLS 1.3 its handshake and first sends seem to succeed before rsyslog's alert comes. None of
that may count as delivered: with the certificate in place the same spool ships everything.
"""

import peers  # noqa: F401  (sets the path)
from peers import Rsyslog
from rig import Rig, check, compare, parse_rfc5424
from texts import many_lines

with Rig() as rig:
    lines = many_lines(20000)
    rig.write("app.log", "".join(line + "\n" for line in lines))
    ca, server, client = rig.ca(), rig.cert("server"), rig.cert("client1")
    receiver = Rsyslog(rig, "rsyslog", server, ca, permitted="client1").start()

    def config(tls):
        return {
            "inputs": [{"name": "app", "type": "file", "path": [rig.path("app.log")]}],
            "outputs": [{"name": "siem", "type": "syslog", "servers": ["localhost:%d" % receiver.port], "tls": tls}],
        }

    shipper = rig.lugger("shipper", config({"ca_file": ca.pem}))
    shipper.start()
    shipper.until_output("siem", "the missing certificate shows, and that nothing is delivered",
                         lambda out: out["state"] == "tls-failed" and "certificate" in out["last_error"] and out["lag_records"] == len(lines))
    check(shipper.stop() == 0, "the shipper did not end in order")
    check(receiver.lines() == [], "rsyslog stored messages of a client it does not permit")

    shipper.configure(rig, config({"ca_file": ca.pem, "cert_file": client.pem, "key_file": client.key}))
    shipper.once()
    rig.until("rsyslog has written all", lambda: len(receiver.lines()) >= len(lines))
    check(receiver.stop() == 0, "rsyslog did not end in order")
    messages = [parse_rfc5424(line) for line in receiver.lines()]
    compare("lines", [line.encode() for line in lines], [message.body for message in messages])
    compare("identities", range(len(lines)), [message.seq - min(other.seq for other in messages[:1]) for message in messages])
    check(len({message.log for message in messages}) <= 2, "more log ids than starts")

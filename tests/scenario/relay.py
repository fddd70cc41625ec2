#!/usr/bin/env python3
"""Two Luggers in a row over mutual TLS: z/OS SYSLOG is shipped to a `listen` input that requires a client certificate, and stored as JSON. The relay is
killed with SIGKILL in mid-flow, several times: what it had read and not yet stored is sent again by the shipper's resend window, so after dropping
repeats by identity the full set is there. A client without a certificate gets nothing in.
"""

import json
import random

from rig import IDENTITY, PARAMETER, Rig, check, compare
from zos import write_syslog

with Rig() as rig:
    source = write_syslog(rig, "whole", records=40000, seed=11)
    with open(source.path, "rb") as whole:
        data = whole.read()
    # In eight parts, cut where no message is under way: one that waits too long for its rest is rightly ended.
    cuts = [0, *(min(source.borders, key=lambda border: abs(border - part * len(data) // 8)) for part in range(1, 8)), len(data)]
    parts = [data[begin:end] for begin, end in zip(cuts, cuts[1:])]
    log = rig.write("SYSLOG", b"")
    ca, server, client = rig.ca(), rig.cert("server"), rig.cert("shipper.example.com")
    port = rig.port()
    received = rig.path("received.json")
    relay = rig.lugger("relay", {
        "inputs": [{"name": "syslog", "type": "listen", "address": "127.0.0.1:%d" % port, "transport": "tls",
                    "tls": {"cert_file": server.pem, "key_file": server.key, "ca_file": ca.pem, "verify_client": "required"}}],
        "outputs": [{"name": "archive", "type": "file", "path": received}],
    })
    relay.start()
    rig.until_listens(port, relay)

    def config(tls):
        return {"inputs": [{"name": "operlog", "type": "file", "path": [log], **source.options}],
                "outputs": [{"name": "siem", "type": "syslog", "servers": ["127.0.0.1:%d" % port], "tls": tls}]}

    with open(log, "ab") as out:
        out.write(parts[0])
    nobody = rig.lugger("nobody", config({"ca_file": ca.pem}))
    nobody.start()
    nobody.until_output("siem", "the missing certificate shows", lambda out: out["state"] not in ("connected", "flowing", "idle") and out["last_error"])
    check(nobody.stop() == 0, "the shipper without a certificate did not end in order")
    check(relay.input_status("syslog")["records"] == 0, "records of a client without a certificate were taken")

    shipper = rig.lugger("shipper", config({"ca_file": ca.pem, "cert_file": client.pem, "key_file": client.key}))
    shipper.start()
    rng = random.Random(5)
    for part in parts[1:]:
        taken = relay.input_status("syslog")["records"]
        with open(log, "ab") as out:
            out.write(part)
        wanted = taken + rng.randrange(1, 3000)
        rig.until("the relay is in mid-flow", lambda: relay.input_status("syslog")["records"] >= wanted, step=0.001)
        relay.kill()
        relay.start()
        rig.until_listens(port, relay)
        shipper.until_output("siem", "the shipper is back", lambda out: out["state"] in ("connected", "flowing", "idle"))
    shipper.until_delivered("siem", len(source.expected) - 1)  # a last N line waits for lines that may continue it
    check(shipper.stop() == 0, "the shipper did not end in order")
    rig.until("the relay has read all", lambda: rig.connections(port) == 0)
    check(relay.stop() == 0, "the relay did not end in order")

    found, total, torn = {}, 0, 0
    with open(received, encoding="utf-8") as lines:
        for line in lines:
            record = json.loads(line)
            if record.get("lugger.truncated"):  # the connection broke in the middle of it; it comes again whole
                torn += 1
                continue
            check("log.syslog.hostname" in record, "not taken apart: %r", record)
            identity = IDENTITY.search(record["log.syslog.structured_data"].encode())
            check(identity, "no identity in %r", record)
            key = tuple(sorted(PARAMETER.findall(identity.group())))
            value = (record["log.syslog.hostname"], record.get("log.syslog.procid", "-"), record.get("log.syslog.msgid", "-"), record["message"])
            check(found.setdefault(key, value) == value, "identity %r carries two contents: %r, %r", key, found[key], value)
            total += 1
    compare("records by identity", [(system, job, msgid, body) for _, system, job, msgid, body in source.expected], found.values())
    print("%d records, %d repeats, %d torn over 7 kills of the relay" % (len(found), total - len(found), torn))

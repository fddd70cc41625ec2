#!/usr/bin/env python3
"""SIGTERM while much is under way, at either end of two Luggers in a row: it ends in bounded time with status 0, what the sender believes delivered is in
the receiver's spool, and after the next start everything is in the receiver's file. Nothing is lost, the sender repeats only by identity.
"""

import json
import time

from rig import IDENTITY, PARAMETER, Rig, check, compare, need_release
from texts import many_lines

ROUNDS = 6

with Rig() as rig:
    release = need_release()
    lines = many_lines(ROUNDS * 40000, longest=400)
    log = rig.write("app.log", "")
    ca, server = rig.ca(), rig.cert("server")
    port = rig.port()
    received = rig.path("received.json")
    relay = rig.lugger("relay", {
        "inputs": [{"name": "syslog", "type": "listen", "address": "127.0.0.1:%d" % port, "transport": "tls",
                    "tls": {"cert_file": server.pem, "key_file": server.key}}],
        "outputs": [{"name": "archive", "type": "file", "path": received}],
    }, program=release)
    shipper = rig.lugger("shipper", {
        "inputs": [{"name": "app", "type": "file", "path": [log]}],
        "outputs": [{"name": "siem", "type": "syslog", "servers": ["127.0.0.1:%d" % port], "tls": {"ca_file": ca.pem}}],
    }, program=release)

    def stop(process):
        begin = time.monotonic()
        check(process.stop(20) == 0, "%s did not end in order", process.name)
        return time.monotonic() - begin

    slowest = 0
    for part in range(ROUNDS):
        with open(log, "a", encoding="utf-8") as out:
            out.writelines(line + "\n" for line in lines[part * 40000 : (part + 1) * 40000])
        relay.start()
        rig.until_listens(port, relay)
        shipper.start()
        before = relay.input_status("syslog")["records"]
        rig.until("bytes flow", lambda: relay.input_status("syslog")["records"] > before + 100, step=0.001)
        # By turns: the shipper first, the relay first.
        for process in ((shipper, relay), (relay, shipper))[part % 2]:
            slowest = max(slowest, stop(process))
    relay.start()
    rig.until_listens(port, relay)
    shipper.once()
    relay_spool = relay.status()["spool"]["next_seq"] - 1
    rig.until("the relay has stored its spool", lambda: sum(1 for _ in open(received, "rb")) >= relay_spool)
    check(relay.stop() == 0, "the relay did not end in order")
    found = {}
    with open(received, encoding="utf-8") as text:
        for line in text:
            record = json.loads(line)
            if record.get("lugger.truncated"):
                continue
            key = tuple(sorted(PARAMETER.findall(IDENTITY.search(record["log.syslog.structured_data"].encode()).group())))
            check(found.setdefault(key, record["message"]) == record["message"], "identity %r carries two contents", key)
    compare("lines by identity", lines, found.values())
    print("slowest stop %.1f s" % slowest)

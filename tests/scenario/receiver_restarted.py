#!/usr/bin/env python3
"""The receiver is killed in mid-flow, again and again, and comes back: nothing is lost, repeats carry their identity, and status says so.

The sink writes what it reads before it reads on, so everything it took is on record; what lay unread in its kernel at the kill must come again.
"""

from rig import Rig, by_identity, check, compare
from texts import many_lines

with Rig() as rig:
    lines = many_lines(60000)
    log = rig.write("app.log", "")
    ca, server = rig.ca(), rig.cert("server")
    sink = rig.sink(cert=server)
    shipper = rig.lugger("shipper", {
        "inputs": [{"name": "app", "type": "file", "path": [log]}],
        "outputs": [{"name": "siem", "type": "syslog", "servers": ["127.0.0.1:%d" % sink.port], "tls": {"ca_file": ca.pem}}],
    })
    shipper.start()
    rounds = 6
    for part in range(rounds):
        before = sink.size()
        with open(log, "a", encoding="utf-8") as out:
            out.writelines(line + "\n" for line in lines[part * len(lines) // rounds : (part + 1) * len(lines) // rounds])
        rig.until("the flow has begun", lambda: sink.size() > before + 1000)
        sink.kill()
        shipper.until_output("siem", "the lost receiver shows", lambda out: out["state"] not in ("connected", "flowing", "idle") and out["last_error"])
        sink.start()
        shipper.until_output("siem", "the output has come back", lambda out: out["state"] in ("connected", "flowing", "idle"))
    shipper.until_delivered("siem", len(lines))
    check(shipper.stop() == 0, "the shipper did not end in order")
    found = by_identity(sink.messages(), lambda message: message.body)
    compare("lines by identity", [line.encode() for line in lines], found.values())
    check(all(event["event"] != "failed" for event in sink.events()), "a handshake failed: %r", sink.events("failed"))
    repeats = len(sink.messages()) - len(found)
    print("%d repeats, each recognised" % repeats)

#!/usr/bin/env python3
"""The receiver stalls (SIGSTOP) while far more than the memory budget waits for it: the shipper goes on spooling, stays within its budget, shows
the lag, does not call anything delivered; when the receiver goes on everything arrives.
"""

import signal

from rig import Rig, by_identity, check, compare, need_release
from texts import many_lines

MIB = 1 << 20

with Rig() as rig:
    lines = many_lines(400000, longest=400)  # about 40 MB
    log = rig.write("app.log", "")
    ca, server = rig.ca(), rig.cert("server")
    sink = rig.sink(cert=server)
    shipper = rig.lugger("shipper", {
        "memory": "32MiB",
        "spool": {"segment_size": "8MiB", "max_size": "512MiB"},
        "inputs": [{"name": "app", "type": "file", "path": [log]}],
        "outputs": [{"name": "siem", "type": "syslog", "servers": ["127.0.0.1:%d" % sink.port], "write_timeout": "2s",
                     "connect_timeout": "2s", "tls": {"ca_file": ca.pem}}],
    }, program=need_release())
    shipper.start()

    def write(part):
        with open(log, "a", encoding="utf-8") as out:
            out.writelines(line + "\n" for line in part)

    write(lines[:1000])
    rig.until("the flow has begun", lambda: len(sink.messages()) == 1000)
    sink.send(signal.SIGSTOP)
    write(lines[1000:])
    rig.until("everything is spooled", lambda: shipper.input_status("app")["records"] == len(lines))
    shipper.until_output("siem", "the lag shows", lambda out: out["lag_records"] > len(lines) // 2)
    stalled = shipper.until_output("siem", "the stall shows", lambda out: out["state"] == "stalled")
    check(str(sink.port) in stalled["last_error"], "the error does not name the peer: %r", stalled["last_error"])
    peak = shipper.rss_bytes("VmHWM")
    check(peak <= (32 + 32) * MIB, "peak RSS %.1f MiB with a budget of 32 MiB", peak / MIB)
    sink.send(signal.SIGCONT)
    shipper.until_delivered("siem", len(lines))
    peak = shipper.rss_bytes("VmHWM")
    check(peak <= (32 + 32) * MIB, "peak RSS %.1f MiB with a budget of 32 MiB", peak / MIB)
    check(shipper.stop() == 0, "the shipper did not end in order")
    found = by_identity(sink.messages(), lambda message: message.body)
    compare("lines by identity", [line.encode() for line in lines], found.values())
    print("peak RSS %.1f MiB" % (peak / MIB))

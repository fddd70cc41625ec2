#!/usr/bin/env python3
"""A full spool whose receiver is dead does not hold up a stop: nothing can progress, so SIGTERM ends the service well before its limit of 10 s, and what
was not taken is read again by the next start.
"""

import time

from rig import Rig, by_identity, check, compare

LINES = ["%06d %s" % (number, "." * 100) for number in range(60000)]

with Rig() as rig:
    port = rig.port()
    shipper = rig.lugger("shipper", {
        "spool": {"max_size": "4MiB", "segment_size": "1MiB", "compression": "none", "keep": "0s"},
        "inputs": [{"name": "app", "type": "file", "path": [rig.write("app.log", "".join(line + "\n" for line in LINES))]}],
        "outputs": [{"name": "siem", "type": "syslog", "servers": ["127.0.0.1:%d" % port], "transport": "tcp", "resend_window": 0}]}).start()
    rig.until("the spool is full", lambda: shipper.input_status("app")["state"] == "full")
    shipper.until_output("siem", "the receiver is refused", lambda out: not out["healthy"])
    began = time.monotonic()
    check(shipper.stop() == 0, "the shipper did not end in order")
    took = time.monotonic() - began
    check(took < 6, "the stop took %.1f s", took)
    shipper.start()
    sink = rig.sink(port=port)
    shipper.until_delivered("siem", len(LINES))
    check(shipper.stop() == 0, "the shipper did not end in order")
    rig.until("the receiver has read all", lambda: sink.events() and sink.events()[-1]["event"] == "eof")
    compare("lines by identity", [line.encode() for line in LINES], by_identity(sink.messages(), lambda message: message.body).values())
    print("a stop of %.1f s" % took)

#!/usr/bin/env python3
"""With a dead receiver the spool fills to its quota and no further: the input stops reading (nothing is dropped, memory stays within its budget), status
says who holds the spool; when the receiver is there the rest is read and everything arrives.
"""

import os

from rig import Rig, by_identity, check, compare, need_release
from texts import many_lines

MIB = 1 << 20

with Rig() as rig:
    lines = many_lines(300000, longest=400)  # about 30 MB
    log = rig.write("app.log", "".join(line + "\n" for line in lines))
    ca, server = rig.ca(), rig.cert("server")
    port = rig.port()
    shipper = rig.lugger("shipper", {
        "memory": "32MiB",
        "spool": {"segment_size": "1MiB", "max_size": "6MiB", "compression": "none"},
        "inputs": [{"name": "app", "type": "file", "path": [log]}],
        "outputs": [{"name": "siem", "type": "syslog", "servers": ["127.0.0.1:%d" % port], "tls": {"ca_file": ca.pem},
                     "idle_close": "0"}],  # the quota is smaller than resend_window: only because the spool is full is confirmation asked for
    }, program=need_release())
    shipper.start()

    def used():
        return sum(os.stat(os.path.join(path, name)).st_blocks * 512 for path, _, names in os.walk(shipper.data_dir) for name in names)

    rig.until("the input is pushed back", lambda: shipper.input_status("app")["state"] == "full")
    taken = shipper.input_status("app")["records"]
    check(0 < taken < len(lines), "%d of %d records taken into a full spool", taken, len(lines))
    status = shipper.status()
    check(status["spool"]["held_by"] == "siem", "held_by: %r", status["spool"])
    check(status["inputs"][0]["lost"] == 0, "lost: %r", status["inputs"][0])
    check(used() <= 7 * MIB, "%.1f MiB on disk with a quota of 6 MiB", used() / MIB)
    check(shipper.rss_bytes("VmHWM") <= (32 + 32) * MIB, "peak RSS %.1f MiB", shipper.rss_bytes("VmHWM") / MIB)
    # Killed while full, and full again at the start: no exit, no growth.
    shipper.kill()
    shipper.start()
    rig.until("the input is pushed back again", lambda: shipper.input_status("app")["state"] == "full")
    sink = rig.sink(cert=server, port=port)
    shipper.until_delivered("siem", len(lines))
    check(used() <= 7 * MIB, "%.1f MiB on disk with a quota of 6 MiB", used() / MIB)
    check(shipper.stop() == 0, "the shipper did not end in order")
    found = by_identity(sink.messages(), lambda message: message.body)
    compare("lines by identity", [line.encode() for line in lines], found.values())

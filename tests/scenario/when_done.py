#!/usr/bin/env python3
"""`when_done: delete`: files stay while an output has not settled them, whatever another one has; they go when it has, across a SIGKILL, and with
--once as well. Nothing is lost and no file that is still there has been delivered without staying readable.
"""

import os
import time

from rig import Rig, check, compare

with Rig() as rig:
    os.mkdir(rig.path("in"))
    names = [rig.path("in/%d.log" % number) for number in range(20)]
    for number, name in enumerate(names):
        rig.write("in/%d.log" % number, "".join("file %d line %d\n" % (number, line) for line in range(50)))
        os.utime(name, (time.time() - 3600, time.time() - 3600))
    port = rig.port()
    config = {
        "inputs": [{"name": "jobs", "type": "file", "path": [rig.path("in/*.log")], "when_done": "delete", "done_wait": "1s", "poll_interval": "100ms"}],
        "outputs": [{"name": "copy", "type": "file", "path": rig.path("copy"), "format": "raw"},
                    {"name": "siem", "type": "syslog", "servers": ["127.0.0.1:%d" % port], "transport": "tcp"}],
        "egress": {"allow": [{"host": "127.0.0.1", "port": port, "plaintext": True}]},
    }
    shipper = rig.lugger("shipper", config)
    shipper.start()
    shipper.until_delivered("copy", 1000)
    shipper.kill()
    shipper.start()
    shipper.until_output("siem", "the receiver is not there", lambda output: output["state"] not in ("starting", "flowing", "idle"))
    rig.until("the files are read to their end", lambda: shipper.input_status("jobs")["lag_bytes"] == 0)
    check(all(os.path.exists(name) for name in names), "a file went though one output had none of it")
    check(shipper.stop() == 0, "the shipper did not end in order")
    sink = rig.sink(port=port)
    shipper.once()
    check(not [name for name in names if os.path.exists(name)], "files that every output has are still there")
    bodies = [message.body for message in sink.messages()]
    compare("lines at the receiver", [b"file %d line %d" % (number, line) for number in range(20) for line in range(50)], set(bodies))

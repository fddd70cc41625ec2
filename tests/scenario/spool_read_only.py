#!/usr/bin/env python3
"""data_dir's file system (ext4) turns read-only under the daemon, as the kernel does behind an I/O error: nothing more is acknowledged and status says why, what is in the
spool is still shipped, nothing exits, and a stop ends. A start on it is refused with the reason. Repaired and mounted again everything is there: all sets are compared.
"""

import os

from rig import LUGGER, Rig, by_identity, check, compare, need_program
from texts import many_lines

need_program(LUGGER, "build it first")
PART = 10000

with Rig() as rig:
    disk = rig.ext4("disk", 64 << 20)
    lines = many_lines(3 * PART, longest=400)
    log = rig.write("app.log", "")
    ca, server = rig.ca(), rig.cert("server")
    port = rig.port()
    shipper = rig.lugger("shipper", {
        "memory": "32MiB",
        "spool": {"segment_size": "1MiB", "max_size": "32MiB", "compression": "none"},
        "inputs": [{"name": "app", "type": "file", "path": [log]}],
        "outputs": [{"name": "siem", "type": "syslog", "servers": ["127.0.0.1:%d" % port], "tls": {"ca_file": ca.pem}, "idle_close": "1s"}],
    }, data_dir=os.path.join(disk.path, "data"))

    def write(part):
        with open(log, "a", encoding="utf-8") as out:
            out.write("".join(line + "\n" for line in lines[part * PART:(part + 1) * PART]))

    shipper.start()
    sinks = [rig.sink("before", cert=server, port=port)]
    write(0)
    shipper.until_delivered("siem", PART)
    sinks[-1].kill()
    write(1)
    rig.until("the second part is durable", lambda: shipper.status()["spool"]["next_seq"] == 2 * PART + 1)

    disk.abort()
    write(2)
    rig.until("status says that the disk is read-only", lambda: "Read-only file system" in shipper.status()["spool"]["error"])
    sinks.append(rig.sink("during", cert=server, port=port))
    shipper.until_output("siem", "what is in the spool is shipped", lambda out: out["cursor"] == 2 * PART + 1)
    status = shipper.status()
    check(status["spool"]["next_seq"] == 2 * PART + 1, "nothing is acknowledged on a read-only disk: %r", status["spool"])
    check(status["inputs"][0]["lost"] == 0 and shipper.running(), "the input: %r", status["inputs"][0])
    bodies = {message.body.decode() for message in sinks[-1].messages()}
    check(set(lines[PART:2 * PART]) <= bodies <= set(lines[:2 * PART]), "the receiver has the second part, and nothing of the third")
    shipper.stop()
    shipper.start()
    code = shipper.end()
    check(code == 1 and "Read-only file system" in shipper.log() and "its file system is read-only" in shipper.log(), "a start on it: exit %d\n%s", code,
          shipper.log()[-1000:])

    disk.repair()
    shipper.start()
    shipper.until_delivered("siem", 3 * PART)
    check(shipper.stop() == 0, "the last stop")
    found = by_identity([message for sink in sinks for message in sink.messages()], lambda message: message.body)
    compare("lines by identity", [line.encode() for line in lines], found.values())

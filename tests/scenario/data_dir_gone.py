#!/usr/bin/env python3
"""data_dir is moved away under the running daemon, replaced by another directory, and deleted: it does not exit, acknowledges nothing that would go into
files without a name, and says so; put back it goes on by itself and every record arrives once. After it was deleted a restart begins a new spool and reads the source
again: repeats, and nothing missing.
"""

import os
import shutil

from rig import LUGGER, Rig, by_identity, check, compare, need_program
from texts import many_lines

need_program(LUGGER, "build it first")
PART = 3000
GONE = "is gone, moved away or replaced while Lugger runs"

with Rig() as rig:
    lines = many_lines(4 * PART, longest=400)
    log = rig.write("app.log", "")
    ca, server = rig.ca(), rig.cert("server")
    sink = rig.sink(cert=server)
    shipper = rig.lugger("shipper", {
        "spool": {"segment_size": "1MiB", "max_size": "64MiB"},
        "inputs": [{"name": "app", "type": "file", "path": [log]}],
        "outputs": [{"name": "siem", "type": "syslog", "servers": ["127.0.0.1:%d" % sink.port], "tls": {"ca_file": ca.pem}, "idle_close": "1s"}],
    })
    aside = rig.path("aside")

    def write(part):
        with open(log, "a", encoding="utf-8") as out:
            out.write("".join(line + "\n" for line in lines[part * PART:(part + 1) * PART]))

    def delivered():
        return by_identity(sink.messages(), lambda message: message.body)

    def said():
        return shipper.log().count(GONE)

    shipper.start()
    write(0)
    shipper.until_delivered("siem", PART)
    for turn, replaced in ((1, False), (2, True)):
        before = said()
        os.rename(shipper.data_dir, aside)
        if replaced:
            os.makedirs(os.path.join(shipper.data_dir, "spool"))
        write(turn)
        rig.until("it says that its directory is gone", lambda: said() > before)
        check(shipper.running(), "it ended")
        check(len(delivered()) == turn * PART, "%d records were shipped that no restart would find again", len(delivered()) - turn * PART)
        check(not replaced or os.listdir(os.path.join(shipper.data_dir, "spool")) == [], "it wrote into somebody else's directory")
        if replaced:
            shutil.rmtree(shipper.data_dir)
        os.rename(aside, shipper.data_dir)
        shipper.until_delivered("siem", (turn + 1) * PART)
    compare("lines by identity", [line.encode() for line in lines[:3 * PART]], delivered().values())

    before = said()
    shutil.rmtree(shipper.data_dir)
    write(3)
    rig.until("it says that its directory is gone", lambda: said() > before)
    check(shipper.running() and len(delivered()) == 3 * PART, "it ended, or shipped what it could not keep")
    shipper.stop()
    shipper.start()
    shipper.until_delivered("siem", 4 * PART)
    check(shipper.stop() == 0, "the last stop")
    found = delivered()
    check(len(found) == 7 * PART and {body.decode() for body in found.values()} == set(lines), "after the restart: %d records", len(found))

#!/usr/bin/env python3
"""A disk that is full before the quota is (a tmpfs of 5 MiB): three times the spool fills it while the receiver is dead, and is drained when there is
one; the second time somebody else takes every byte that is left and what is freed, so that cursors move and segments go on a disk without one free
block. Nothing is lost, nothing exits, no restart is needed, and each record arrives: all sets are compared.
"""

import os

from rig import LUGGER, Rig, by_identity, check, compare, need_program
from texts import many_lines

MIB = 1 << 20
ROUND = 80000  # about 7 MB and more than the disk takes beside the rest

need_program(LUGGER, "build it first")


def take_the_rest(path):
    """Fills the file until the disk refuses; returns the bytes it got this time."""
    with open(path, "ab", buffering=0) as file:
        before = file.tell()
        for size in (1 << 20, 4096):
            try:
                while True:
                    file.write(b"\0" * size)
            except OSError:
                pass
        return file.tell() - before


with Rig() as rig:
    disk = rig.tmpfs("disk", 5 * MIB)
    lines = many_lines(3 * ROUND, longest=400)
    log = rig.write("app.log", "")
    ca, server = rig.ca(), rig.cert("server")
    port = rig.port()
    shipper = rig.lugger("shipper", {
        "memory": "32MiB",
        "spool": {"segment_size": "1MiB", "max_size": "1GiB", "compression": "none", "keep": "0"},
        "inputs": [{"name": "app", "type": "file", "path": [log]}],
        "outputs": [{"name": "siem", "type": "syslog", "servers": ["127.0.0.1:%d" % port], "tls": {"ca_file": ca.pem}, "idle_close": "0"}],
    }, data_dir=os.path.join(disk, "data"))
    shipper.start()
    pid = shipper.pid
    sinks = []
    for turn in range(3):
        with open(log, "a", encoding="utf-8") as out:
            out.write("".join(line + "\n" for line in lines[turn * ROUND:(turn + 1) * ROUND]))
        rig.until("the input is pushed back, time %d" % (turn + 1), lambda: shipper.input_status("app")["state"] == "full")
        status = shipper.status()
        check("No space left" in status["spool"]["error"], "status says why: %r", status["spool"]["error"])
        check(status["inputs"][0]["records"] < (turn + 1) * ROUND and status["inputs"][0]["lost"] == 0, "the input: %r", status["inputs"][0])
        ballast = os.path.join(disk, "ballast")
        if turn == 1:
            take_the_rest(ballast)
            check(os.statvfs(disk).f_bfree == 0, "%d blocks are free", os.statvfs(disk).f_bfree)
        held = status["spool"]["bytes"]
        cursor = status["outputs"][0]["cursor"]
        sinks.append(rig.sink("sink-%d" % turn, cert=server, port=port))
        if turn == 1:
            # Whatever the spool frees is gone at once, and still it drains all it holds.
            def drained():
                take_the_rest(ballast)
                return shipper.output_status("siem")["lag_records"] == 0
            rig.until("what the spool holds is drained on a disk without a free block", drained)
            check(shipper.output_status("siem")["cursor"] > cursor and shipper.status()["spool"]["bytes"] < held, "segments were deleted")
            check(shipper.input_status("app")["lost"] == 0, "lost")
            os.unlink(ballast)
        shipper.until_delivered("siem", (turn + 1) * ROUND, seconds=180)
        check(shipper.status()["spool"]["error"] == "", "the error is over: %r", shipper.status()["spool"]["error"])
        check(shipper.pid == pid and shipper.running(), "the daemon is another one")
        if turn < 2:
            sinks[-1].kill()
    check(shipper.stop() == 0, "the shipper did not end in order")
    messages = [message for sink in sinks for message in sink.messages()]
    found = by_identity(messages, lambda message: message.body)
    compare("lines by identity", [line.encode() for line in lines], found.values())
    print("three times full and drained: %d records, %d messages" % (len(found), len(messages)))

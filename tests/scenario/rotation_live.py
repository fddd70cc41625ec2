#!/usr/bin/env python3
"""Files are rotated under the running shipper: by rename with writers that go on in the old file for a while, by copytruncate, by deletion; lines are
written in pieces that end anywhere; the shipper is killed in between. Every line arrives under exactly one identity. Once with inotify, once with polling.
"""

import os
import random
import sys

from rig import Rig, by_identity, check, compare
from texts import many_lines

watch = sys.argv[1] if len(sys.argv) > 1 else "inotify"
rng = random.Random(7)

with Rig() as rig:
    lines = many_lines(12000)
    for name in ("renamed", "truncated", "deleted"):
        os.mkdir(rig.path(name))
    ca, server = rig.ca(), rig.cert("server")
    sink = rig.sink(cert=server)
    shipper = rig.lugger("shipper", {
        "inputs": [
            {"name": "renamed", "type": "file", "path": [rig.path("renamed/app.log*")], "watch": watch, "poll_interval": "100ms"},
            {"name": "truncated", "type": "file", "path": [rig.path("truncated/app.log")], "watch": watch, "poll_interval": "100ms"},
            {"name": "deleted", "type": "file", "path": [rig.path("deleted/*.log")], "watch": watch, "poll_interval": "100ms"},
        ],
        "outputs": [{"name": "siem", "type": "syslog", "servers": ["127.0.0.1:%d" % sink.port], "tls": {"ca_file": ca.pem}}],
    })
    shipper.start()
    written = dict.fromkeys(("renamed", "truncated", "deleted"), 0)

    def write(out, name, count):
        """The next lines, in pieces."""
        global lines
        part, lines = lines[:count], lines[count:]
        data = "".join(line + "\n" for line in part).encode()
        while data:
            size = rng.randrange(1, 5000)
            out.write(data[:size])
            out.flush()
            data = data[size:]
        written[name] += count

    def arrived():
        return by_identity(sink.messages(), lambda message: message.body)

    expected = [line.encode() for line in lines]
    for turn in range(10):
        # By rename: the writer's descriptor stays with the old file.
        with open(rig.path("renamed/app.log"), "ab") as old:
            write(old, "renamed", 300)
            os.rename(rig.path("renamed/app.log"), rig.path("renamed/app.log.%d" % turn))
            with open(rig.path("renamed/app.log"), "ab") as new:
                write(new, "renamed", 100)
                write(old, "renamed", 100)
        # By copytruncate: what is there must have been read before it is cut, that is the method's own hole.
        with open(rig.path("truncated/app.log"), "ab") as out:
            write(out, "truncated", 200 if turn % 2 else 400)
        # By deletion, likewise.
        with open(rig.path("deleted/%d.log" % turn), "ab") as out:
            write(out, "deleted", 300)
        if turn in (3, 7):
            shipper.kill()
            shipper.start()
        rig.until("everything written has arrived", lambda: len(arrived()) >= sum(written.values()))
        os.truncate(rig.path("truncated/app.log"), 0)
        os.unlink(rig.path("deleted/%d.log" % turn))
    check(shipper.stop() == 0, "the shipper did not end in order")
    total = sum(written.values())
    compare("lines by identity", expected[:total], arrived().values())
    print("%d lines, watch: %s" % (total, watch))

#!/usr/bin/env python3
"""`run --once` ships what is there and exits 0 when the receiver has it; again, with nothing new, it sends nothing; with more lines, only those. A
rename rotation and a copytruncate between two runs lose and repeat nothing.
"""

import os

from rig import Rig, by_identity, check, compare
from texts import many_lines

with Rig() as rig:
    lines = many_lines(6000)
    log = rig.path("app.log")
    ca, server = rig.ca(), rig.cert("server")
    sink = rig.sink(cert=server)
    shipper = rig.lugger("shipper", {
        "inputs": [{"name": "app", "type": "file", "path": [log, log + ".*"]}],
        "outputs": [{"name": "siem", "type": "syslog", "servers": ["127.0.0.1:%d" % sink.port], "tls": {"ca_file": ca.pem}}],
    })

    def append(begin, end):
        with open(log, "a", encoding="utf-8") as out:
            out.writelines(line + "\n" for line in lines[begin:end])

    def shipped(count, what):
        shipper.once()
        messages = sink.messages()
        compare(what, [line.encode() for line in lines[:count]], [message.body for message in messages])
        check(len(by_identity(messages, lambda message: message.body)) == count, "%s: an identity is used twice", what)

    append(0, 1000)
    shipped(1000, "the first run")
    shipped(1000, "nothing new")
    append(1000, 2000)
    shipped(2000, "appended")
    append(2000, 2500)
    os.rename(log, log + ".1")
    append(2500, 3000)
    shipped(3000, "renamed with an unread tail")
    os.rename(log + ".1", log + ".2")
    os.rename(log, log + ".1")
    shipped(3000, "renamed again, nothing new")
    append(3000, 4000)
    shipped(4000, "a new file under the old name")
    os.truncate(log, 0)
    append(4000, 4400)
    shipped(4400, "truncated and written anew")
    os.unlink(log + ".2")
    append(4400, 6000)
    shipped(6000, "an old file deleted")

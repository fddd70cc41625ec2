#!/usr/bin/env python3
"""An input that brings nothing for longer than `expect_every` is `silent`: in status, in its exit code and in one log line; with the next record it is
not, and says so once. SIGHUP makes the file output reopen its path, so that another program may rotate it; no record is lost over that.
"""

import json
import os
import signal

from rig import Rig, check, compare
from texts import many_lines

with Rig() as rig:
    lines = many_lines(400)
    log = rig.write("app.log", "")
    archive = rig.path("out.json")
    one = rig.lugger("one", {
        "inputs": [{"name": "app", "type": "file", "path": [log], "expect_every": "4s"}],
        "outputs": [{"name": "archive", "type": "file", "path": archive}],
    })
    one.start()

    def append(begin, end):
        with open(log, "a", encoding="utf-8") as out:
            out.writelines(line + "\n" for line in lines[begin:end])

    def stored(path):
        if not os.path.exists(path):
            return []
        with open(path, encoding="utf-8") as out:
            return [json.loads(line)["message"] for line in out.read().split("\n")[:-1]]

    append(0, 100)
    rig.until("the first lines are stored", lambda: len(stored(archive)) == 100)
    rig.until("the input is silent", lambda: one.input_status("app")["state"] == "silent")
    check(one.command("status")[0] == 1, "status exits 0 with a silent input")
    check(one.log().count("silent") == 1, "not one log line:\n%s", one.log())
    append(100, 200)
    rig.until("the input has woken", lambda: one.input_status("app")["state"] != "silent")
    rig.until("the next lines are stored", lambda: len(stored(archive)) == 200)

    os.rename(archive, archive + ".1")
    one.send(signal.SIGHUP)
    rig.until("the file is there again", lambda: os.path.exists(archive))
    append(200, 400)
    rig.until("the last lines are stored", lambda: len(stored(archive)) + len(stored(archive + ".1")) == 400)
    check(one.stop() == 0, "it did not end in order")
    compare("both files", lines, stored(archive + ".1") + stored(archive))
    check(stored(archive), "nothing went to the new file")

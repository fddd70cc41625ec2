#!/usr/bin/env python3
"""What machines rely on: every name that `lugger status --json` promises is there, with the daemon up and down alike; --follow prints a line per output
every 2 s; spool ls, cat, tail and verify, plugins and version answer; exit codes are 0 fine, 1 a problem, 2 usage.
"""

import json
import time

from rig import LUGGER, Process, Rig, check, compare, run
from texts import many_lines

PROMISED = {
    "inputs": {"name", "state", "records", "bytes", "lag_bytes", "last_record_seconds", "lost", "last_error"},
    "outputs": {"name", "state", "cursor", "lag_records", "lag_bytes", "eta_seconds", "records", "repeats", "dead", "last_error"},
}
PROMISED_SPOOL = {"bytes", "quota_bytes", "first_seq", "next_seq", "oldest_seconds", "held_by"}

with Rig() as rig:
    lines = many_lines(3000)
    log = rig.write("app.log", "".join(line + "\n" for line in lines))
    dead = rig.port()
    one = rig.lugger("one", {
        "inputs": [{"name": "app", "type": "file", "path": [log]}],
        "outputs": [{"name": "archive", "type": "file", "path": rig.path("out.json")},
                    {"name": "gone", "type": "syslog", "servers": ["127.0.0.1:%d" % dead]}],
    })

    def promises(status, when):
        check({"spool_id", "log_id", "inputs", "outputs", "spool"} <= set(status), "%s: top level has %r", when, sorted(status))
        check(PROMISED_SPOOL <= set(status["spool"]), "%s: spool has %r", when, sorted(status["spool"]))
        for part, names in PROMISED.items():
            check(status[part], "%s: no %s", when, part)
            for entry in status[part]:
                check(names <= set(entry), "%s: %s lacks %r", when, part, sorted(names - set(entry)))

    one.start()
    # A dead output does not hold up the other one.
    one.until_output("archive", "the archive has all", lambda out: out["records"] == len(lines) and out["lag_records"] == 0)
    one.until_output("gone", "the dead output lags", lambda out: out["state"] == "refused" and out["lag_records"] == len(lines))
    up = one.status()
    promises(up, "up")
    check(one.command("status")[0] == 1, "status exits %d with a refused output", one.command("status")[0])
    text = one.command("status")[1]
    check("archive" in text and "gone" in text and "refused" in text, "status prints\n%s", text)

    follow = Process(rig, "follow", [LUGGER, "status", "-c", one.config_path, "--follow"]).start()
    begin = time.monotonic()
    rig.until("two rounds of a line per output", lambda: len(follow.output().splitlines()) >= 4)
    took = time.monotonic() - begin
    follow.stop()
    check(1 < took < 10, "two rounds took %.1f s", took)
    check(sum("archive" in line for line in follow.output().splitlines()) >= 2, "--follow printed\n%s", follow.output())

    check(run(LUGGER, "run", "-c", one.config_path)[0] == 1, "a second daemon starts on the same spool")
    check(one.stop() == 0, "it did not end in order")
    down = one.status()
    promises(down, "down")
    check(down["spool_id"] == up["spool_id"] and down["spool"]["next_seq"] == up["spool"]["next_seq"], "up %r, down %r", up, down)
    check({out["name"]: out["lag_records"] for out in down["outputs"]} == {"archive": 0, "gone": len(lines)}, "down: %r", down["outputs"])

    status, out, errors = one.command("spool", "verify")
    check(status == 0, "spool verify: exit %d\n%s%s", status, out, errors)
    status, out, errors = one.command("spool", "ls")
    check(status == 0 and out.strip(), "spool ls: exit %d\n%s%s", status, out, errors)
    status, out, errors = one.command("spool", "cat")
    check(status == 0, "spool cat: exit %d\n%s", status, errors)
    compare("spool cat", lines, [json.loads(line)["message"] for line in out.splitlines()])
    status, out, errors = one.command("spool", "tail")
    check(status == 0 and json.loads(out.splitlines()[-1])["message"] == lines[-1], "spool tail: exit %d\n%s", status, errors)
    with open(rig.path("out.json"), encoding="utf-8") as archive:
        compare("archive", lines, [json.loads(line)["message"] for line in archive])

    status, out, _ = run(LUGGER, "plugins")
    check(status == 0 and all(name in out for name in ("file", "listen", "syslog", "zos-syslog")), "plugins: exit %d\n%s", status, out)
    status, out, _ = run(LUGGER, "version")
    check(status == 0 and "0." in out, "version: exit %d %r", status, out)
    check(run(LUGGER)[0] == 2 and run(LUGGER, "run", "--no-such-option")[0] == 2, "usage errors do not exit 2")
    check(run(LUGGER, "--help")[0] == 0, "--help is an error")

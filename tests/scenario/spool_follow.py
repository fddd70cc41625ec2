#!/usr/bin/env python3
"""`spool tail -f` shows every record once and in order while segments roll and are deleted behind it, while the daemon is killed, stopped and started again, and
in an encrypted spool whose key changes; what left the spool before it could be shown is said on standard error, with its sequences.
"""

import json
import os
import signal

from rig import LUGGER, Rig, check, run
from texts import many_lines

with Rig() as rig:
    lines = many_lines(60000, longest=1500)
    log, keys = rig.path("app.log"), rig.path("keys")
    open(log, "w").close()

    def new_key():
        code, line, errors = run(LUGGER, "spool", "keygen", *(["--key-file", keys] if os.path.exists(keys) else []))
        check(code == 0, "keygen: %s", errors)
        with open(os.open(keys, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "a") as file:
            file.write(line)

    new_key()
    one = rig.lugger("one", {
        # The tail looks four times a second: what it has to show stays for a second.
        "spool": {"segment_size": "1MiB", "max_size": "64MiB", "keep": "3s", "compression": "none", "encryption_key_file": keys},
        "inputs": [{"name": "app", "type": "file", "path": [log]}],
        "outputs": [{"name": "copy", "type": "file", "path": rig.path("copy.log"), "format": "raw"}],
    })
    written = 0

    def write(count):
        global written
        with open(log, "a", encoding="utf-8") as file:
            file.writelines(line + "\n" for line in lines[written : written + count])
        written += count

    one.start()
    write(10)
    rig.until("the spool is there", lambda: one.status()["spool"]["next_seq"] == 11)
    tail = rig.spawn("tail", LUGGER, "spool", "tail", "-f", "-n", "10", "-c", one.config_path)

    def shown():
        return tail.output().count("\n")

    def until_shown():
        rig.until("the tail shows %d records" % written, lambda: shown() >= written)
        check(tail.running(), "the tail ended:\n%s", tail.log())

    until_shown()
    for turn in range(10):
        for _ in range(2):
            write(1400)
            rig.until("a part is spooled", lambda: one.status()["spool"]["next_seq"] > written)
        if turn in (2, 6):
            one.kill()
            one.start()
        elif turn == 4:
            check(one.stop() == 0, "it did not end in order")
            write(500)
            one.start()
        elif turn == 8:
            new_key()
            one.send(signal.SIGHUP)
        until_shown()
    rig.until("old segments are deleted", lambda: one.status()["spool"]["first_seq"] > written // 2, step=0.2)
    write(100)
    until_shown()
    tail.send(signal.SIGINT)
    tail.end()
    records = [json.loads(line) for line in tail.output().splitlines()]
    check([record["event.sequence"] for record in records] == list(range(1, written + 1)), "sequences are not 1 to %d, each once, in order", written)
    check([record["message"] for record in records] == lines[:written], "the records are not those of the file, in order")
    check(not tail.log(), "the tail says\n%s", tail.log())

    # What leaves the spool before it could be shown is said.
    stopped = rig.spawn("stopped", LUGGER, "spool", "tail", "-f", "-n", "1", "-c", one.config_path)
    rig.until("it shows the last record", lambda: stopped.output().count("\n") == 1)
    stopped.send(signal.SIGSTOP)
    first = written + 1
    while written + 1400 < len(lines):
        write(1400)
        rig.until("a part is spooled", lambda: one.status()["spool"]["next_seq"] > written)
    rig.until("what it did not see is deleted", lambda: one.status()["spool"]["first_seq"] > first + 1, step=0.2)
    stopped.send(signal.SIGCONT)
    rig.until("it has caught up", lambda: stopped.output().splitlines()[-1:] and
              stopped.output().endswith("\n") and json.loads(stopped.output().splitlines()[-1])["event.sequence"] == written)
    stopped.send(signal.SIGINT)
    stopped.end()
    sequences = [json.loads(line)["event.sequence"] for line in stopped.output().splitlines()]
    check(sequences == sorted(set(sequences)) and sequences[0] == first - 1, "sequences out of order, or twice")
    gone = sequences[1] - 1
    check("records %d to %d" % (first, gone) in stopped.log(), "records %d to %d were not shown, and the tail says %r", first, gone, stopped.log())
    check(sequences[1:] == list(range(gone + 1, written + 1)), "behind the gap not every record is there")
    check(one.stop() == 0, "it did not end in order")
    print("%d records followed over %s; %d that left before they could be shown were said" % (len(records), "rolls, deletions, 3 restarts and a new key", gone - first + 1))

#!/usr/bin/env python3
"""One data_dir is one Lugger's. A second daemon refuses, with the process, host and start of the first, and changes nothing; so does one in a container's
process namespace; a lock that SIGKILL left behind holds nobody up. A data_dir restored from yesterday's copy is told from its own: the log says so, no
(log id, sequence) is given twice with two contents, nothing of a file is missing, and what comes again carries the identity it had. A data_dir that was
only moved is no copy.
"""

import json
import os
import shutil
import subprocess

from rig import LUGGER, Rig, check, compare, run
from texts import many_lines

with Rig() as rig:
    lines = many_lines(6000)
    log, out = rig.path("app.log"), rig.path("out.json")
    one = rig.lugger("one", {
        "inputs": [{"name": "app", "type": "file", "path": [log]}],
        "outputs": [{"name": "archive", "type": "file", "path": out}],
    })

    def write(first, last):
        with open(log, "a", encoding="utf-8") as file:
            file.writelines(line + "\n" for line in lines[first:last])

    def delivered():
        with open(out, encoding="utf-8") as file:
            return [json.loads(line) for line in file]

    def said(text):
        return one.log().count(text)

    # The second one refuses.
    write(0, 1000)
    one.start()
    one.until_output("archive", "the first lines are delivered", lambda o: o["records"] == 1000)
    lock = os.path.join(one.data_dir, "spool", "lock")
    with open(lock, encoding="utf-8") as file:
        before = file.read()
    code, _, errors = run(LUGGER, "run", "-c", one.config_path)
    host = os.uname().nodename
    check(code == 1, "a second daemon ends with %d", code)
    for word in ("in use by process %d on %s" % (one.pid, host), "started 20", one.data_dir):
        check(word in errors, "the refusal does not say %r: %s", word, errors)
    with open(lock, encoding="utf-8") as file:
        check(file.read() == before, "the second daemon wrote to the lock file")
    namespace = ["unshare", "--pid", "--fork", "--uts", "--"]
    if shutil.which("unshare") and subprocess.run([*namespace, "true"], stderr=subprocess.DEVNULL).returncode == 0:
        code, _, errors = run(*namespace, "sh", "-c", 'hostname elsewhere && exec "$0" run -c "$1"', LUGGER, one.config_path)
        check(code == 1 and "in use by process %d on %s (another machine or container)" % (one.pid, host) in errors, "in a namespace of its own: %d, %s",
              code, errors)
    else:
        print("SKIP: a second daemon in a process namespace of its own: unshare is not permitted here")
    check(one.running() and one.status()["running"], "the first one noticed the second")

    # SIGKILL leaves the lock file, and no lock.
    one.kill()
    write(1000, 2000)
    one.start()
    one.until_output("archive", "it goes on after SIGKILL", lambda o: o["lag_records"] == 0 and one.status()["spool"]["next_seq"] == 2001)
    check(one.stop() == 0, "it did not end in order")
    check(not said("these files are a copy"), "a restart after SIGKILL was taken for a copy")

    # Yesterday's copy, and a day of work behind it.
    yesterday = rig.path("yesterday")
    shutil.copytree(one.data_dir, yesterday, ignore=shutil.ignore_patterns("control.sock"))
    write(2000, 4000)
    one.once()
    ids = {(record["lugger.log_id"], record["event.sequence"]): record["message"] for record in delivered()}
    check(len(ids) == 4000, "%d identities for 4000 records", len(ids))
    old = {log_id for log_id, _ in ids}

    # Moved to another place and back: its own files.
    os.rename(one.data_dir, one.data_dir + ".moved")
    os.rename(one.data_dir + ".moved", one.data_dir)
    one.once()
    check(not said("these files are a copy"), "a move was taken for a copy")

    # Restored while it was down.
    shutil.rmtree(one.data_dir)
    shutil.copytree(yesterday, one.data_dir)
    write(4000, 5000)
    one.once()
    check(said("these files are a copy") == 1, "the restored data_dir was not told:\n%s", one.log()[-2000:])
    check("records from 2001 on have the new log id" in one.log(), "the log does not say from where on:\n%s", one.log()[-2000:])
    for record in delivered():
        identity = (record["lugger.log_id"], record["event.sequence"])
        check(ids.setdefault(identity, record["message"]) == record["message"], "identity %r was given twice: %r and %r", identity, ids[identity],
              record["message"])
    new = {log_id for log_id, _ in ids} - old
    check(len(new) == 1, "%d new log ids", len(new))
    check(all(seq > 2000 for log_id, seq in ids if log_id in new), "an old record got a new identity")
    compare("everything, and under new identities what came after the copy", lines[:5000] + lines[2000:4000], ids.values())

    # From here on these files are its own.
    write(5000, 6000)
    one.once()
    check(said("these files are a copy") == 1, "the copy is told at every start")
    print("%d identities, 0 given twice" % len(ids))

#!/usr/bin/env python3
"""A log directory on a network file system, as far as that can be provoked on one machine: handles go stale, sizes lag behind by the attribute cache and go
back for a moment, an inode is used again by another file (tests/support/nfs_faults.c lies to the shipper; the writer sees the truth). Reading is by polling.
Nothing is lost and nothing comes under two identities.
"""

import json
import os
import shutil
import subprocess
import sys

from rig import SOURCE, Rig, check, compare, need_release, skip

need_release()
if not shutil.which("cc"):
    skip("no C compiler for the preloaded library")

with Rig() as rig:
    library = rig.path("nfs_faults.so")
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", library, os.path.join(SOURCE, "tests/support/nfs_faults.c"), "-ldl"], check=True)
    logs, out, control = rig.path("logs"), rig.path("out.json"), rig.write("control", "0 0 0")
    os.mkdir(logs)
    log = os.path.join(logs, "app.log")
    lines = []

    def write(count, path=log):
        new = ["line %06d %s" % (number, "x" * (number % 97)) for number in range(len(lines), len(lines) + count)]
        lines.extend(new)
        with open(path, "a") as target:
            target.write("".join(line + "\n" for line in new))

    def set_control(generation, lag_ms=0, back=0):
        rig.write("control.new", "%d %d %d" % (generation, lag_ms, back))
        os.rename(rig.path("control.new"), control)

    shipper = rig.lugger("shipper", {
        "inputs": [{"name": "app", "type": "file", "path": [logs + "/*.log"], "watch": "poll"}],
        "outputs": [{"name": "o", "type": "file", "path": out, "format": "json"}]}, program=need_release())
    shipper.environment.update(LD_PRELOAD=library, NFS_DIR=logs, NFS_CONTROL=control)
    delivered = lambda: shipper.output_status("o")["lag_records"] == 0 and shipper.input_status("app")["records"] >= len(lines)
    write(3000)
    set_control(0, back=1000)
    told = subprocess.run([sys.executable, "-c", "import os, sys; print(os.stat(sys.argv[1]).st_size)", log], stdout=subprocess.PIPE, check=True,
                          env=dict(os.environ, LD_PRELOAD=library, NFS_DIR=logs, NFS_CONTROL=control)).stdout
    check(int(told) == os.path.getsize(log) - 1000, "the library does not lie: %r", told)
    set_control(0)
    shipper.start()
    rig.until("the first lines are there", delivered)
    generation = 0
    for round_number in range(6):
        generation += 1
        set_control(generation, lag_ms=400, back=0)  # every open handle is stale now
        write(500)
        rig.until("stale handles are opened again", delivered)
        seen = shipper.input_status("app")["records"]
        set_control(generation, lag_ms=200, back=1 + 3000 * round_number)  # sizes go back, below what was read
        write(200)
        looks = [0]

        def looked():  # some polls under the wrong size
            looks[0] += 1
            shipper.status()
            return looks[0] > 40

        rig.until("it was polled under a size that went back", looked, step=0.02)
        set_control(generation)
        rig.until("the right size is seen", delivered)
    # Rotation, and the inode of a deleted file used again by one with the same first line.
    os.rename(log, os.path.join(logs, "app.1.log"))
    write(400)
    rig.until("both files are read", delivered)
    inode = os.stat(log).st_ino
    os.unlink(log)
    for attempt in range(10):
        write(1)
        if os.stat(log).st_ino == inode:
            break
        rig.until("it is read", delivered)
        os.unlink(log)
    reused = os.path.exists(log) and os.stat(log).st_ino == inode
    write(300)
    rig.until("the last lines are there", delivered)
    check(shipper.stop() == 0, "the shipper did not end in order")
    with open(out) as events:
        found = {event["event.id"]: event["message"] for event in map(json.loads, events)}
    compare("lines by identity", lines, found.values())
    print("%d lines; %d times stale and gone back; inode %s" % (len(lines), generation, "used again" if reused else "not used again by this file system"))

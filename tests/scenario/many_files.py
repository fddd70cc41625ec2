#!/usr/bin/env python3
"""Thousands of tailed files of which a few are written: the shipper reads them all, then rests. What it costs is measured over a window in which the
few grow all the time: processor seconds, the peak of resident memory, open descriptors. And nothing is lost.

    many_files.py [--files N] [--active N] [--window SECONDS] [--watch inotify|poll]
"""

import argparse
import os
import time

from rig import Rig, check, compare

options = argparse.ArgumentParser()
options.add_argument("--files", type=int, default=2000)
options.add_argument("--active", type=int, default=50)
options.add_argument("--window", type=float, default=5)
options.add_argument("--watch", default="auto")
options.add_argument("--descriptors", type=int, default=256)
options = options.parse_args()

CORE_SHARE = 0.02   # of a core, while the active files grow
RSS_LIMIT = 64 << 20
TICK = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid):
    with open("/proc/%d/stat" % pid) as stat:
        fields = stat.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK


with Rig() as rig:
    names = []
    os.mkdir(rig.path("logs"))
    for number in range(options.files):
        directory = rig.path("logs/%02d" % (number % 20))
        os.makedirs(directory, exist_ok=True)
        names.append("%s/job%05d.log" % (directory, number))
        with open(names[-1], "w") as out:
            out.write("file %05d line 0\n" % number)
    shipper = rig.lugger("shipper", {
        "memory": "32MiB",
        "inputs": [{"name": "jobs", "type": "file", "path": [rig.path("logs/*/*.log")], "watch": options.watch,
                    "max_open_files": options.descriptors}],
        "outputs": [{"name": "copy", "type": "file", "path": rig.path("copy"), "format": "raw"}],
    })
    shipper.start()
    shipper.until_delivered("copy", options.files)
    lines = [1] * options.files

    def write(turn):
        """One line into every active file, which are others in every eighth turn."""
        for i in range(options.active):
            number = (i * (options.files // options.active) + turn // 8) % options.files
            with open(names[number], "a") as out:
                out.write("file %05d line %d\n" % (number, lines[number]))
            lines[number] += 1

    before, started, turn = cpu_seconds(shipper.pid), time.monotonic(), 0
    while time.monotonic() - started < options.window:
        write(turn)
        turn += 1
        due = started + turn * 0.25
        while time.monotonic() < due:  # the rate of the writers is what is measured against
            time.sleep(due - time.monotonic())
    share = (cpu_seconds(shipper.pid) - before) / (time.monotonic() - started)
    shipper.until_delivered("copy", sum(lines))
    descriptors = len(os.listdir("/proc/%d/fd" % shipper.pid))
    peak = shipper.rss_bytes("VmHWM")
    print("%d files, %d active, %s: %.2f %% of a core, peak %.1f MiB, %d descriptors" % (
        options.files, options.active, options.watch, 100 * share, peak / 2**20, descriptors))
    check(shipper.stop() == 0, "the shipper did not end in order")
    with open(rig.path("copy")) as copy:
        compare("lines", ["file %05d line %d" % (number, line) for number in range(options.files) for line in range(lines[number])],
                copy.read().splitlines())
    check(share < CORE_SHARE, "%.2f %% of a core is more than %.0f %%", 100 * share, 100 * CORE_SHARE)
    check(peak <= RSS_LIMIT, "%.1f MiB at the peak is more than %d", peak / 2**20, RSS_LIMIT >> 20)
    check(descriptors <= options.descriptors + 64, "%d descriptors are open", descriptors)

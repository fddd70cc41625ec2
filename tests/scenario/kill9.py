#!/usr/bin/env python3
"""kill -9 of the shipper at random moments while it ships z/OS SYSLOG (RDW, EBCDIC, interleaved multi-line messages of several systems) over TLS to
a receiver that keeps running: no record is lost; every repeat is identified by its (log id, sequence) and equal to the first; and under all
identities together each record of the source exists exactly once, so between the source and the spool nothing was doubled or mixed up.

    kill9.py [--rounds N] [--records N] [--seed N]

Each round appends the next slice of the file (cut anywhere, in the middle of a record too), starts the shipper and kills it: most within the time that
a start and a slice take, some after a second or so, when cursors have been stored, and some of these while the receiver stalls and much lies
between the spool and the wire. The last start runs to the end.
"""

import argparse
import os
import random
import signal
import time

from rig import LUGGER, Rig, by_identity, check, compare
from zos import content, write_syslog

parser = argparse.ArgumentParser()
parser.add_argument("--rounds", type=int, default=50)
parser.add_argument("--records", type=int, default=200000)
parser.add_argument("--seed", type=int, default=random.randrange(1 << 31))
arguments = parser.parse_args()
print("%s: %d rounds, seed %d" % (os.path.relpath(LUGGER), arguments.rounds, arguments.seed), flush=True)
rng = random.Random(arguments.seed)

with Rig() as rig:
    source = write_syslog(rig, "whole", records=arguments.records, systems=4, seed=arguments.seed)
    with open(source.path, "rb") as whole:
        data = whole.read()
    log = rig.write("SYSLOG", b"")
    ca, server = rig.ca(), rig.cert("server")
    sink = rig.sink(cert=server, receive_buffer=1 << 15)  # what is not read stays in the shipper, not in the kernels
    shipper = rig.lugger("shipper", {
        # Small segments: rolling, sealing and deleting are under the knife too.
        "spool": {"segment_size": "1MiB", "keep": "0s"},
        "inputs": [{"name": "operlog", "type": "file", "path": [log], **source.options}],
        "outputs": [{"name": "siem", "type": "syslog", "servers": ["127.0.0.1:%d" % sink.port], "resend_window": "1MiB", "tls": {"ca_file": ca.pem}}],
    })
    # A stalled round needs more than the kernels' buffers hold, or nothing would be left in the shipper at the kill.
    kinds = ["stalled", "long"] * max(1, arguments.rounds // 10)
    kinds += ["quick"] * (arguments.rounds - 1 - len(kinds))
    rng.shuffle(kinds)
    kinds.insert(0, "quick")
    weights = [rng.uniform(0.1, 2) * (20 if kind == "stalled" else 1) for kind in kinds]
    cuts = [int(len(data) * sum(weights[: number + 1]) / sum(weights)) for number in range(len(kinds))]
    written = 0

    def append(until):
        global written
        with open(log, "ab") as out:
            out.write(data[written:until])
        written = until

    # How long a start and a slice take on this machine now.
    append(cuts[0])
    begin = time.monotonic()
    shipper.start()
    rig.until("the first bytes arrive", lambda: sink.size() > 0, step=0.002)
    first_byte = time.monotonic() - begin
    shipper.kill()
    quick = in_flow = 0
    for kind, cut in list(zip(kinds, cuts))[1:]:
        before = sink.size()
        if kind == "stalled":
            connections = len(sink.events("established"))
            shipper.start()
            rig.until("the output is connected", lambda: len(sink.events("established")) > connections)
            sink.send(signal.SIGSTOP)
            append(cut)
        else:
            append(cut)
            shipper.start()
        deadline = time.monotonic() + (rng.uniform(0, first_byte * 3) if kind == "quick" else rng.uniform(1.0, 1.5))
        while time.monotonic() < deadline:
            time.sleep(0.0005)
        check(shipper.running(), "the shipper ended by itself:\n%s", shipper.log()[-2000:])
        shipper.kill()
        sink.send(signal.SIGCONT)
        if kind == "quick":
            quick += 1
            in_flow += sink.size() > before
    append(len(data))
    shipper.once(seconds=180)
    rig.until("the sink has read all", lambda: sink.events() and sink.events()[-1]["event"] == "eof")
    messages = sink.messages()
    found = by_identity(messages, content)
    compare("records by identity", source.expected, found.values())
    check(sink.stop() == 0, "the sink failed")
    check(in_flow * 2 >= quick, "only %d of %d quick kills came after bytes had begun to flow", in_flow, quick)
    print("%d kills, %d of the %d quick ones after bytes had begun to flow; %d records in %d logs, %d repeats, 0 lost" % (
        arguments.rounds, in_flow, quick, len(found), len({log_id for log_id, _ in found}), len(messages) - len(found)))

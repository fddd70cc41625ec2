#!/usr/bin/env python3
"""The spool is full because the receiver is away: credit stops, the queue grows at the broker and nothing is lost; when the receiver returns everything
drains, in the order of the queue.
"""

import peers  # noqa: F401  (sets the path)
import amqp
from rig import Rig, check, octet_counted

MANY = 30000
SIZE = 400

with Rig() as rig:
    broker = amqp.Artemis(rig).start()
    ca, cert = rig.ca(), rig.cert("server")
    port = rig.port()
    shipper = rig.lugger("shipper", {
        "spool": {"max_size": "6MiB", "segment_size": "1MiB", "keep": "0s", "compression": "none"},
        "inputs": [broker.input("mq", "logs", credit=200)],
        "outputs": [{"name": "siem", "type": "syslog", "servers": ["127.0.0.1:%d" % port], "format": "raw", "tls": {"ca_file": ca.pem},
                     "resend_window": "64KiB"}],
    })
    shipper.start()
    broker.put("logs", MANY, size=SIZE)
    rig.until("the spool is full", lambda: shipper.input_status("mq")["state"] == "full")
    held = [0, 0]

    def steady():
        held.insert(0, shipper.input_status("mq")["records"])
        return held[0] == held[1] == held[2] > 0

    rig.until("reading has stopped", steady, step=0.3)
    left = broker.depth("logs")
    check(MANY - held[0] <= left < MANY, "%d messages at the broker, %d read", left, held[0])
    sink = rig.sink(cert=cert, port=port)
    rig.until("the queue is empty", lambda: broker.depth("logs") == 0, seconds=120, step=0.2)
    shipper.until_delivered("siem", MANY, seconds=120)
    check(shipper.stop() == 0, "the shipper did not end in order")
    rig.until("the sink has read all", lambda: sink.events() and sink.events()[-1]["event"] == "eof")
    bodies = [message.decode() for stream in sink.streams() for message in octet_counted(stream)]
    firsts = list(dict.fromkeys(bodies))
    check(firsts == [amqp.body(number, SIZE) for number in range(MANY)], "not every message once, in the queue's order (%d of %d)", len(firsts), MANY)
    print("%d messages; %d were read before the spool was full, %d waited at the broker" % (MANY, held[0], left))

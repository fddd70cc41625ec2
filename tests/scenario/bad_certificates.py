#!/usr/bin/env python3
"""An expired certificate, one for another name, one of an unknown CA, and a server that wants a certificate we do not have: for each the state
in status is `tls-failed` with the reason, and not a byte of a record reaches the peer. When the right certificate is back, everything does.
"""

import re

from rig import Rig, by_identity, check, compare
from texts import many_lines

with Rig() as rig:
    lines = many_lines(3000)
    log = rig.write("app.log", "".join(line + "\n" for line in lines))
    ca = rig.ca()
    rig.ca("other-ca")
    good = rig.cert("server")
    bad = [
        ("expired", rig.cert("expired", days=-1), "expired"),
        ("other-name", rig.cert("other-name", names="DNS:elsewhere.example.com"), "name|host|match"),
        ("unknown-ca", rig.cert("unknown", ca="other-ca"), "issuer|CA|self|trust"),
    ]
    port = rig.port()
    shipper = rig.lugger("shipper", {
        "inputs": [{"name": "app", "type": "file", "path": [log]}],
        "outputs": [{"name": "siem", "type": "syslog", "servers": ["localhost:%d" % port], "tls": {"ca_file": ca.pem}}],
    })
    shipper.start()
    rig.until("all lines are spooled", lambda: shipper.input_status("app")["records"] == len(lines))

    for name, certificate, reason in bad:
        sink = rig.sink(name, cert=certificate, port=port)
        status = shipper.until_output("siem", "%s: the state is tls-failed" % name,
                                      lambda out: out["state"] == "tls-failed" and re.search(reason, out["last_error"]) and sink.events("failed"))
        check(status["lag_records"] == len(lines), "%s: lag %r", name, status)
        check(status["records"] == 0, "%s: %d records are called delivered", name, status["records"])
        sink.stop()
        check(sink.size() == 0, "%s: %d bytes went to a peer that failed verification", name, sink.size())
        check(not sink.events("established"), "%s: the handshake succeeded: %r", name, sink.events())
        print("%s: %s" % (name, status["last_error"]))

    sink = rig.sink("good", cert=good, port=port)
    shipper.until_delivered("siem", len(lines))
    check(shipper.stop() == 0, "the shipper did not end in order")
    found = by_identity(sink.messages(), lambda message: message.body)
    compare("lines by identity", [line.encode() for line in lines], found.values())
    check(len(sink.messages()) == len(lines), "repeats though nothing broke")

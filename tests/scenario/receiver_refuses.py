#!/usr/bin/env python3
"""Nobody listens, then somebody accepts and hangs up at once: status names each, with the peer, and backs off; SIGTERM ends the service in
bounded time all the same; when a receiver is there everything arrives.
"""

import socket
import threading
import time

from rig import Rig, by_identity, check, compare
from texts import many_lines

with Rig() as rig:
    lines = many_lines(2000)
    log = rig.write("app.log", "".join(line + "\n" for line in lines))
    ca, server = rig.ca(), rig.cert("server")
    port = rig.port()
    shipper = rig.lugger("shipper", {
        "inputs": [{"name": "app", "type": "file", "path": [log]}],
        "outputs": [{"name": "siem", "type": "syslog", "servers": ["127.0.0.1:%d" % port], "tls": {"ca_file": ca.pem}}],
    })
    shipper.start()
    refused = shipper.until_output("siem", "the refusal shows", lambda out: out["state"] == "refused")
    check(str(port) in refused["last_error"], "the error does not name the peer: %r", refused["last_error"])
    rig.until("all lines are spooled", lambda: shipper.input_status("app")["records"] == len(lines))
    shipper.until_output("siem", "all of them lag", lambda out: out["lag_records"] == len(lines))
    check(shipper.command("status")[0] == 1, "`status` finds nothing that needs a person while the receiver refuses")

    # Hangs up: a connection is no delivery.
    hang_up = socket.create_server(("127.0.0.1", port))
    tries = []

    def accept():
        try:
            while True:
                connection, _ = hang_up.accept()
                tries.append(time.monotonic())
                connection.close()
        except OSError:
            pass

    accepting = threading.Thread(target=accept, daemon=True)
    accepting.start()
    rig.until("it tried three times", lambda: len(tries) >= 3)
    shipper.until_output("siem", "all of them lag still", lambda out: out["last_error"] and out["lag_records"] == len(lines))
    check(tries[-1] - tries[0] > 0.05, "no backoff: three tries within %.3f s", tries[-1] - tries[0])
    begin = time.monotonic()
    check(shipper.stop(30) == 0, "the shipper did not end in order")
    took = time.monotonic() - begin
    hang_up.shutdown(socket.SHUT_RDWR)
    hang_up.close()
    accepting.join()

    # Down, status still knows what waits.
    status = shipper.status()
    check(status["outputs"][0]["lag_records"] == len(lines), "status with the daemon down: %r", status)
    sink = rig.sink(cert=server, port=port)
    shipper.once()
    found = by_identity(sink.messages(), lambda message: message.body)
    compare("lines by identity", [line.encode() for line in lines], found.values())
    print("SIGTERM with a dead receiver took %.1f s" % took)

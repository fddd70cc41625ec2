#!/usr/bin/env python3
"""syslog-ng receives every line of a file once from two outputs of one Lugger: syslog() over TLS with octet counting and a required client
certificate, and network() over TLS with LF framing. It parses every header field and the identity out of them.
"""

import peers  # noqa: F401  (sets the path)
from peers import SyslogNg
from rig import IDENTITY, PARAMETER, Rig, check, compare
from texts import many_lines

with Rig() as rig:
    lines = many_lines(20000)
    rig.write("app.log", "".join(line + "\n" for line in lines))
    ca, server, client = rig.ca(), rig.cert("server"), rig.cert("client1")
    receiver = SyslogNg(rig, "syslog-ng", server, ca).start()

    def output(name, port, framing):
        # The templates tell the two streams apart in syslog-ng's one file.
        return {"name": name, "type": "syslog", "servers": ["127.0.0.1:%d" % port], "framing": framing, "app_name": name, "hostname": "gateway.example.com",
                "tls": {"ca_file": ca.pem, "cert_file": client.pem, "key_file": client.key}}

    shipper = rig.lugger("shipper", {
        "inputs": [{"name": "app", "type": "file", "path": [rig.path("app.log")]}],
        "outputs": [output("counted", receiver.counted_port, "octet-counting"), output("lf", receiver.lf_port, "lf")],
    })
    shipper.once()
    rig.until("syslog-ng has written all", lambda: len(receiver.lines()) >= 2 * len(lines))
    check(receiver.stop() == 0, "syslog-ng did not end in order")
    streams = {b"counted": [], b"lf": []}
    identities = {b"counted": set(), b"lf": set()}
    for line in receiver.lines():
        _, _, host, program, _, _, sd, body = line.split(b"|", 7)
        check(host == b"gateway.example.com", "HOSTNAME is %r", host)
        identity = IDENTITY.search(sd)
        check(identity, "no identity in %r", sd)
        streams[program].append(body)
        identities[program].add(tuple(sorted(PARAMETER.findall(identity.group()))))
    expected = [line.encode() for line in lines]
    compare("octet-counted", expected, streams[b"counted"])
    compare("LF", expected, streams[b"lf"])
    check(identities[b"counted"] == identities[b"lf"], "the two outputs name the same record differently")
    check(len(identities[b"lf"]) == len(lines), "%d identities for %d records", len(identities[b"lf"]), len(lines))

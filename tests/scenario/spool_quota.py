#!/usr/bin/env python3
"""An input with a `spool_quota` waits at it while the receiver is dead, the other input goes on; what counts against the quota is the same after SIGKILL
and a restart; when the receiver is there everything of both arrives, once per identity.
"""

from rig import Rig, by_identity, check, compare

MIB = 1 << 20
NOISY = ["noisy %06d %s" % (number, "." * 100) for number in range(60000)]  # 7 MB
CALM = ["calm %06d %s" % (number, "." * 100) for number in range(2000)]

with Rig() as rig:
    port = rig.port()
    shipper = rig.lugger("shipper", {
        "memory": "16MiB",  # so that the queue to the writer holds 2 MiB
        "spool": {"max_size": "32MiB", "segment_size": "1MiB", "compression": "none", "keep": "0s"},
        "inputs": [{"name": "noisy", "type": "file", "path": [rig.write("noisy.log", "".join(line + "\n" for line in NOISY))], "spool_quota": "1MiB"},
                   {"name": "calm", "type": "file", "path": [rig.path("calm.log")], "spool_quota": "8MiB"}],
        "outputs": [{"name": "siem", "type": "syslog", "servers": ["127.0.0.1:%d" % port], "transport": "tcp", "resend_window": 0}]}).start()
    rig.until("noisy is at its quota", lambda: shipper.input_status("noisy")["state"] == "quota")
    rig.write("calm.log", "".join(line + "\n" for line in CALM))
    rig.until("calm is read to its end", lambda: shipper.input_status("calm")["records"] == len(CALM) and shipper.input_status("calm")["lag_bytes"] == 0)
    status = shipper.input_status("noisy")
    check(status["state"] == "quota" and status["records"] < len(NOISY) and status["quota_bytes"] == MIB, "noisy: %r", status)
    check(MIB <= status["quota_used_bytes"] <= 6 * MIB, "noisy uses %d bytes", status["quota_used_bytes"])
    check(shipper.command("status")[0] == 1 and "spool_quota" in shipper.command("status")[1], "status says nothing of the quota")
    rig.until("calm's use is counted", lambda: shipper.input_status("calm")["quota_used_bytes"] > 100 * len(CALM))
    used = [shipper.input_status(name)["quota_used_bytes"] for name in ("noisy", "calm")]
    shipper.kill()
    shipper.start()
    # A start writes the positions again, a frame without records; nothing else may differ.
    rig.until("the use is counted again", lambda: all(0 <= shipper.input_status(name)["quota_used_bytes"] - before < 4096
                                                      for name, before in zip(("noisy", "calm"), used)))
    rig.until("noisy waits again", lambda: shipper.input_status("noisy")["state"] == "quota")
    sink = rig.sink(port=port)
    shipper.until_delivered("siem", len(NOISY) + len(CALM))
    rig.until("nothing counts any more", lambda: [shipper.input_status(name)["quota_used_bytes"] for name in ("noisy", "calm")] == [0, 0])
    check(shipper.stop() == 0, "the shipper did not end in order")
    rig.until("the receiver has read all", lambda: sink.events() and sink.events()[-1]["event"] == "eof")
    compare("lines by identity", [line.encode() for line in NOISY + CALM], by_identity(sink.messages(), lambda message: message.body).values())
    print("quotas held: noisy %d, calm %d bytes" % tuple(used))

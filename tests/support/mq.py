"""The fake of IBM MQ's client library (fake_mqi.c): its queues, its script, what was called.

    mq = FakeMq(rig)
    mq.put("LOG.EVENTS", b"text")
    shipper = mq.lugger("shipper", mq.input("mq", "LOG.EVENTS"))
"""

import os
import struct
import sys

from rig import LUGGER, SOURCE, check, skip

LITTLE = sys.byteorder == "little"
NATIVE = 546 if LITTLE else 273
THERE, TAKEN, GONE = 0, 1, 2
MD = struct.Struct("=4s7i8sii24s24si48s48s12s32s32si28s8s8s4s24s4i")
assert MD.size == 364


def library():
    """A helper that is built with the tests; the release preset has none."""
    places = [os.path.dirname(LUGGER)] + [os.path.join(SOURCE, "build", preset) for preset in ("asan", "dev", "tsan")]
    built = [path for path in (os.path.join(place, "libfake_mqi.so") for place in places) if os.path.exists(path)]
    return built[0] if built else skip("libfake_mqi.so is not built")


def pad(text, size):
    return text.encode().ljust(size)


class FakeMq:
    def __init__(self, rig, name="mq"):
        self.rig, self.directory = rig, rig.path(name)
        os.makedirs(self.directory)
        self.library = library()
        self.sent = 0

    def path(self, name):
        return os.path.join(self.directory, name)

    def queue(self, name, threshold=0, hardened=1, requeue=""):
        """Defines a queue."""
        open(self.path(name + ".queue"), "ab").close()
        with open(self.path(name + ".attr"), "w") as out:
            out.write("%d %d %s\n" % (threshold, hardened, requeue))
        return name

    @staticmethod
    def message(data, number, message_format="MQSTR", ccsid=1208, encoding=NATIVE, message_id=None, correlation=b"", backouts=0, date="20261123", time="08091011"):
        md = MD.pack(b"MD  ", 2, 0, 8, -1, 0, encoding, ccsid, pad(message_format, 8), 0, 1, message_id or b"AMQ " + struct.pack(">QQI", 7, number, 1),
                     correlation.ljust(24, b"\0"), backouts, pad("REPLY.Q", 48), pad("QM1", 48), pad("IBMUSER", 12), b"", pad("", 32), 2, pad("PAYJOB", 28),
                     pad(date, 8), pad(time, 8), pad("", 4), b"\0" * 24, 1, 0, 0, -1)
        return struct.pack("=I", len(md) + len(data)) + md + data

    def put(self, queue, *datas, **settings):
        with open(self.path(queue + ".queue"), "ab") as out:
            for data in datas:
                out.write(self.message(data, self.sent, **settings))
                self.sent += 1

    def states(self, queue):
        """(state, backout count) of each message ever put."""
        with open(self.path(queue + ".queue"), "rb") as text:
            data = text.read()
        count = at = 0
        while at < len(data):
            at += 4 + struct.unpack_from("=I", data, at)[0]
            count += 1
        if not os.path.exists(self.path(queue + ".state")):
            return [(THERE, 0)] * count
        with open(self.path(queue + ".state"), "rb") as states:
            entries = states.read(16 * count)
        return [(state, backouts) for state, _, backouts, _ in struct.iter_unpack("=4i", entries)]

    def depth(self, queue):
        return sum(state != GONE for state, _ in self.states(queue))

    def bodies(self, queue):
        with open(self.path(queue + ".queue"), "rb") as text:
            data = text.read()
        found, at = [], 0
        while at < len(data):
            size = struct.unpack_from("=I", data, at)[0]
            found.append(data[at + 4 + MD.size:at + 4 + size])
            at += 4 + size
        return found

    def script(self, *lines):
        with open(self.path("script"), "w") as out:
            out.writelines(line + "\n" for line in lines)

    def calls(self, name=None):
        """Lists of words: call, object, completion code, reason, ..."""
        if not os.path.exists(self.path("calls")):
            return []
        with open(self.path("calls")) as lines:
            return [line.split() for line in lines if line.endswith("\n") and name in (None, line.split()[0])]

    def input(self, name, *queues, **options):
        return {"name": name, "type": "ibmmq", "connection": "127.0.0.1(1414)", "queue_manager": "QM1", "channel": "LUGGER.SVRCONN", "queues": list(queues),
                "library": self.library, **options}

    def lugger(self, name, *inputs, program=None, **settings):
        self.out = self.rig.path(name + ".json")
        shipper = self.rig.lugger(name, {"inputs": list(inputs), "outputs": [{"name": "o", "type": "file", "path": self.out, "format": "json"}], **settings},
                                  program=program)
        shipper.environment["FAKE_MQ_DIR"] = self.directory
        return shipper

    def until_empty(self, *queues, seconds=60):
        self.rig.until("the queues are empty", lambda: not any(self.depth(queue) for queue in queues), seconds=seconds)

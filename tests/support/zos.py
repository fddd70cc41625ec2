"""z/OS SYSLOG as a mainframe writes it, with what a correct shipper must make of it. Written apart from the product's own generator, from the column
table of IBM's "Messages sent to hardcopy log in JES2 system": EBCDIC (IBM-037), RECFM VB with record descriptor words, four systems, multi-line
messages (M, D, E; the connector id at the end of the M text or alone on an S line) of several systems interleaved line by line.
"""

import collections
import datetime
import itertools
import random
import struct

Source = collections.namedtuple("Source", "path expected options borders")

TIMEZONE = "America/New_York"
START = datetime.datetime(2026, 7, 4, 8, 15, 0)  # local; summer time all day: UTC-4
UTC_OFFSET = datetime.timedelta(hours=4)
SINGLES = [
    ("IEF403I", "PAYR%04d - STARTED - TIME=12.01.02"),
    ("*$HASP050", "JES2 RESOURCE SHORTAGE OF JQES - %04d IN USE"),
    ("IEC161I", "056-084,PAYR%04d,STEP1,SYSUT1,,,PAYROLL.MASTER"),
    ("ICH70001I", "IBMUSER  LAST ACCESS AT 08:14:02 ON SATURDAY %04d"),
    ("+CWWKE0001I", "THE SERVER DEFAULT%04d HAS BEEN LAUNCHED."),
]


def rdw(text):
    body = text.encode("cp037")
    return struct.pack(">HH", len(body) + 4, 0) + body


class Writer:
    def __init__(self, systems, seed):
        self.rng = random.Random(seed)
        self.systems = ["SYS%s" % chr(ord("A") + number) for number in range(systems)]
        self.out = []
        self.expected = []
        self.borders = []  # how many lines there were whenever no message was under way
        self.open = []  # [system, connector, lines left, expected fields] of messages under way
        self.hundredths = 0
        self.number = 0

    def now(self):
        self.hundredths += self.rng.randrange(0, 5)
        return START + datetime.timedelta(milliseconds=10 * self.hundredths)

    def line(self, text):
        self.out.append(rdw(text.ljust(126) if self.rng.random() < 0.7 else text))

    def first(self, kind, system, when, ident, text):
        flag = text[0] if text[0] in "*+" else " "  # its column is before the text's
        self.line("%s 4040000 %-8s %s %s.%02d %-8s 00000090 %s%s" % (
            kind, system, when.strftime("%y%j"), when.strftime("%H:%M:%S"), when.microsecond // 10000, ident, flag, text.lstrip("*+")))

    def expect(self, system, when, ident, msgid, body):
        utc = (when + UTC_OFFSET).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-4]
        self.expected.append((utc, system, ident or "-", msgid, body))

    def single(self, system):
        when, (msgid, text) = self.now(), self.rng.choice(SINGLES)
        ident = self.rng.choice(["", "JOB%05d" % self.rng.randrange(100000), "STC%05d" % self.rng.randrange(100000), "J%07d" % self.number])
        text = "%s %s #%07d" % (msgid, text % self.rng.randrange(10000), self.number)
        self.number += 1
        self.first("N", system, when, ident, text)
        self.expect(system, when, ident, msgid.lstrip("*+"), text.lstrip("*+"))

    def begin(self, system):
        """M, and an S line with the id alone where the text took all the room. D and E lines name no system: two open messages never share an id."""
        taken = [message[0] for message in self.open]
        connector = self.rng.choice([number for number in range(1000) if number not in taken])
        when, ident = self.now(), "STC%05d" % self.rng.randrange(100000)
        text = "HZS%04dI THE LOGGER REQUEST HAS COMPLETED. #%07d" % (self.rng.randrange(10000), self.number)
        self.number += 1
        if self.rng.random() < 0.3:
            self.first("M", system, when, ident, text)
            self.line("S" + " " * 55 + "%03d" % connector)
        else:
            self.first("M", system, when, ident, "%s %03d" % (text, connector))
        self.open.append((connector, system, when, ident, [text], self.rng.randrange(1, 5)))

    def go_on(self, message):
        connector, system, when, ident, texts, lines = message
        last = len(texts) == lines
        text = "LOG STREAM %s.HEALTH.CHECKER LINE %d OF #%07d" % (system, len(texts), self.rng.randrange(10000000))
        self.line("%s%s%03d 00000090  %s" % ("E" if last else "D", " " * 41, connector, text))
        texts.append(text)
        if last:
            self.open.remove(message)
            self.expect(system, when, ident, texts[0].split()[0], "\n".join(texts))

    def write(self, records):
        while len(self.expected) + len(self.open) < records:
            if not self.open:
                self.borders.append(len(self.out))
            if self.open and self.rng.random() < 0.55:
                self.go_on(self.rng.choice(self.open))
            elif len(self.open) < 3 and self.rng.random() < 0.25:
                self.begin(self.rng.choice(self.systems))
            else:
                self.single(self.rng.choice(self.systems))
        while self.open:
            self.go_on(self.open[0])


def write_syslog(rig, name, records, systems=4, seed=1):
    """Writes the file; `expected` holds what content() gives for each record, `options` are the input's, `borders` the offsets at which the file may be
    cut without a message being in two."""
    writer = Writer(systems, seed)
    writer.write(records)
    path = rig.write(name, b"".join(writer.out))
    options = {"encoding": "IBM-037", "framing": "rdw", "parser": "zos-syslog", "timezone": TIMEZONE}
    ends = [0, *itertools.accumulate(len(line) for line in writer.out)]
    return Source(path, writer.expected, options, [ends[lines] for lines in writer.borders])


def content(message):
    """Of an RFC 5424 message as shipped: time to the hundredth, system, job id, message id, body."""
    time = message.time.decode()
    assert time.endswith("Z"), "not UTC: " + time
    whole, _, fraction = time[:-1].partition(".")
    return ("%s.%s" % (whole, (fraction + "00")[:2]), message.host.decode(), message.procid.decode(), message.msgid.decode(), message.body.decode())

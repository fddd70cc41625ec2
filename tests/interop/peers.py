"""The real peers: private instances of rsyslog and syslog-ng on loopback, and the senders loggen and logger."""

import glob
import os
import shutil
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))

from rig import SOURCE, Process, skip  # noqa: E402

SYSLOG_NG = os.path.join(SOURCE, "build/peers/syslog-ng/usr")


class Rsyslog(Process):
    """imtcp with TLS (OpenSSL driver), one line of `out` per message: the raw message, a newline in it as #012.

    permitted: the client certificate's name that is let in (x509/name); None: nobody is asked for one."""

    def __init__(self, rig, name, cert, ca, permitted=None):
        program = shutil.which("rsyslogd", path="/usr/sbin:/sbin:" + os.environ.get("PATH", ""))
        if not program:
            skip("rsyslogd is not installed")
        if not glob.glob("/usr/lib/*/rsyslog/lmnsd_ossl.so"):
            skip("rsyslog-openssl is not installed")
        self.port = rig.port()
        self.received = rig.path(name + ".received")
        os.mkdir(rig.path(name + ".work"))
        mode = 'streamDriver.authMode="anon"'
        if permitted:
            mode = 'streamDriver.authMode="x509/name" permittedPeer=["%s"]' % permitted
        config = rig.write(name + ".conf", """
global(workDirectory="%s" maxMessageSize="64k" defaultNetstreamDriver="ossl" defaultNetstreamDriverCAFile="%s"
       defaultNetstreamDriverCertFile="%s" defaultNetstreamDriverKeyFile="%s")
module(load="imtcp" streamDriver.name="ossl" streamDriver.mode="1" %s)
template(name="raw" type="string" string="%%rawmsg%%\\n")
ruleset(name="r" queue.type="direct") { action(type="omfile" file="%s" template="raw" flushOnTXEnd="on" asyncWriting="off") }
input(type="imtcp" port="%d" address="127.0.0.1" ruleset="r" supportOctetCountedFraming="on")
""" % (rig.path(name + ".work"), ca.pem, cert.pem, cert.key, mode, self.received, self.port))
        super().__init__(rig, name, [program, "-n", "-f", config, "-i", rig.path(name + ".pid")])

    def start(self):
        super().start()
        self.rig.until_listens(self.port, self)
        return self

    def lines(self):
        return read_lines(self.received)


class SyslogNg(Process):
    """Three sources: syslog() over TLS that requires a client certificate (octet counting), network() over TLS and syslog-protocol (LF),
    and network() over plain TCP (LF). One line of `out` each: the fields between vertical bars."""

    def __init__(self, rig, name, cert, ca):
        program = os.path.join(SYSLOG_NG, "sbin/syslog-ng")
        if not os.access(program, os.X_OK):
            skip("syslog-ng is not unpacked (tests/run.sh does that, with apt-get download)")
        self.counted_port, self.lf_port = rig.port(), rig.port()
        self.received = rig.path(name + ".received")
        tls = 'key-file("%s") cert-file("%s") ca-file("%s")' % (cert.key, cert.pem, ca.pem)
        config = rig.write(name + ".conf", """@version: 3.38
options { stats-freq(0); keep-hostname(yes); use-dns(no); flush-lines(1000); log-msg-size(262144); };
source s {
  syslog(ip("127.0.0.1") port(%d) transport("tls") log-iw-size(5000) tls(%s peer-verify(required-trusted)));
  network(ip("127.0.0.1") port(%d) transport("tls") flags(syslog-protocol) log-iw-size(5000) tls(%s peer-verify(optional-untrusted)));
};
destination d { file("%s" template("${PRI}|${ISODATE}|${HOST}|${PROGRAM}|${PID}|${MSGID}|${SDATA}|${MSG}\\n")); };
log { source(s); destination(d); flags(flow-control); };
""" % (self.counted_port, tls, self.lf_port, tls, self.received))
        environment = {"LD_LIBRARY_PATH": "%s/lib/syslog-ng:%s/lib/syslog-ng/3.38" % (SYSLOG_NG, SYSLOG_NG), "SYSLOGNG_PREFIX": SYSLOG_NG}
        super().__init__(rig, name, [program, "-F", "--no-caps", "--stderr", "-f", config, "--module-path=%s/lib/syslog-ng/3.38" % SYSLOG_NG,
                                     "-R", rig.path(name + ".persist"), "-c", rig.path(name + ".ctl"), "-p", rig.path(name + ".pid")],
                         environment=environment)

    def start(self):
        super().start()
        self.rig.until_listens(self.counted_port, self)
        self.rig.until_listens(self.lf_port, self)
        return self

    def lines(self):
        return read_lines(self.received)


def read_lines(path):
    """The complete lines of a file that may not exist yet, as bytes."""
    if not os.path.exists(path):
        return []
    with open(path, "rb") as out:
        lines = out.read().split(b"\n")
    return lines[:-1]


def loggen(rig, name, *arguments):
    """syslog-ng's load generator, started."""
    program = os.path.join(SYSLOG_NG, "bin/loggen")
    if not os.access(program, os.X_OK):
        skip("loggen is not unpacked (tests/run.sh does that, with apt-get download)")
    environment = {"LD_LIBRARY_PATH": SYSLOG_NG + "/lib/syslog-ng", "SYSLOGNG_PREFIX": SYSLOG_NG}
    return Process(rig, name, [program, *arguments], environment=environment).start()

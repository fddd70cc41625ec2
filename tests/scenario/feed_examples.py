#!/usr/bin/env python3
"""What packaging/zos/FEED.md tells a z/OS system programmer to type holds as far as it can be run without z/OS: each configuration passes `lugger check`; the
sftp and curl commands, taken from the page, fetch a file of z/OS SYSLOG (EBCDIC, record descriptor words) from OpenSSH and from an FTPS server that keeps the
words only after SITE RDW, and Lugger makes the right records of it. A server that refuses SITE RDW delivers nothing.
"""

import os
import re
import shutil
import socket
import ssl
import subprocess
import threading

from rig import LUGGER, SOURCE, Rig, check, compare, run, skip
from zos import content, write_syslog

with open(os.path.join(SOURCE, "packaging/zos/FEED.md")) as text:
    PAGE = text.read()


def check_configurations(rig):
    blocks = re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.S | re.M)
    check(len(blocks) >= 5, "only %d configurations on the page", len(blocks))
    for number, block in enumerate(blocks):
        block = block.replace("/var/lib/lugger", rig.path("data%d" % number)).replace("/var/spool/lugger", rig.directory)
        path = rig.write("feed%d.yaml" % number, block)
        status, out, err = run(LUGGER, "check", "-c", path)
        check(status == 0, "configuration %d of the page:\n%s%s%s", number, block, out, err)
    return len(blocks)


def command(first):
    """The indented block of the page that begins with this word, as a script."""
    found = re.search(r"^    (%s .*\n(?:    .*\n)*)" % first, PAGE, re.M)
    check(found, "no command %s on the page", first)
    return re.sub(r"^    ", "", found.group(1), flags=re.M)


class Ftp(threading.Thread):
    """One FTPS session after the other (explicit TLS, passive), one file. As on z/OS a binary transfer drops the record descriptor words unless SITE RDW came."""

    def __init__(self, cert, records, knows_rdw=True):
        super().__init__(daemon=True)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(cert.pem, cert.key)
        self.records, self.knows_rdw = records, knows_rdw
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.start()

    def run(self):
        while True:
            self.session(self.listener.accept()[0])

    def session(self, connection):
        keep, waiting = False, None
        say = lambda line: connection.sendall(line.encode() + b"\r\n")
        say("220 z/OS FTP of a test")
        lines = connection.makefile("rb", buffering=0)
        while line := lines.readline():  # AUTH changes what `lines` is
            verb, _, argument = line.decode().strip().partition(" ")
            if verb == "AUTH":
                say("234 go on")
                connection = self.context.wrap_socket(connection, server_side=True)
                lines = connection.makefile("rb", buffering=0)
            elif verb == "SITE":
                keep = keep or (self.knows_rdw and argument == "RDW")
                say("200 SITE command was accepted" if self.knows_rdw else "500 unknown SITE parameter")
            elif verb == "EPSV":
                waiting = socket.create_server(("127.0.0.1", 0))
                say("229 Entering Extended Passive Mode (|||%d|)" % waiting.getsockname()[1])
            elif verb == "RETR":
                say("150 sending %s" % argument)
                with self.context.wrap_socket(waiting.accept()[0], server_side=True) as data:
                    data.sendall(b"".join(record if keep else record[4:] for record in self.records))
                    data.unwrap()
                say("250 complete")
            else:
                say({"USER": "331 password", "PASS": "230 in", "PWD": '257 "/"', "PBSZ": "200 ok", "PROT": "200 ok", "TYPE": "200 ok", "QUIT": "221 bye"}.get(
                    verb, "502 not here"))


def cut(data):
    records = []
    while data:
        size = int.from_bytes(data[:2], "big")
        records.append(data[:size])
        data = data[size:]
    return records


def fetch_by_curl(rig, ca, server, target):
    netrc = rig.write("netrc", "machine localhost login a password b\n")
    script = command("curl").replace("/etc/lugger/netrc", netrc).replace("/var/spool/feed", target).replace("sysa.example.com", "localhost:%d" % server.port)
    done = subprocess.run(["bash", "-c", script.replace("curl ", "curl -sS --cacert %s " % ca.pem, 1)], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
    return done.returncode, done.stderr.decode()


def start_sshd(rig):
    """A private sshd with one key; its file system is this machine's."""
    for name in ("host", "user"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", rig.path(name + "_key")], check=True)
    port = rig.port()
    shutil.copy(rig.path("user_key.pub"), rig.path("authorized"))
    os.makedirs("/run/sshd", exist_ok=True)
    config = rig.write("sshd.conf", "ListenAddress 127.0.0.1:%d\nHostKey %s\nAuthorizedKeysFile %s\nStrictModes no\nUsePAM no\nPidFile none\n"
                       "PermitRootLogin prohibit-password\nSubsystem sftp internal-sftp -R\n" % (port, rig.path("host_key"), rig.path("authorized")))
    rig.spawn("sshd", "/usr/sbin/sshd", "-D", "-e", "-f", config)
    rig.until_listens(port)
    return port


def fetch_by_sftp(rig, port, source, target):
    options = "-q -P %d -i %s -o UserKnownHostsFile=/dev/null -o StrictHostKeyChecking=no " % (port, rig.path("user_key"))
    script = command("sftp").replace("sftp ", "sftp " + options, 1).replace("lugger@sysa.example.com", "root@127.0.0.1")
    script = script.replace("/logs/sysa/SYSLOG.20261123", source).replace("/var/spool/feed", target)
    done = subprocess.run(["bash", "-c", script], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    check(done.returncode == 0, "sftp: %s", done.stdout.decode())


for program in ("curl", "sftp", "ssh-keygen", "/usr/sbin/sshd"):
    if not shutil.which(program):
        skip("%s is not installed" % program)
if os.geteuid() != 0:
    skip("a private sshd wants root")

with Rig() as rig:
    configurations = check_configurations(rig)
    source = write_syslog(rig, "syslog", records=2000)
    with open(source.path, "rb") as whole:
        records = cut(whole.read())
    ca, cert = rig.ca(), rig.cert("server")
    feed = rig.path("feed")
    os.mkdir(feed)
    status, words = fetch_by_curl(rig, ca, Ftp(cert, records, knows_rdw=False), feed)
    check(status != 0 and os.listdir(feed) == [], "without SITE RDW: status %d, %r, %s", status, os.listdir(feed), words)
    status, words = fetch_by_curl(rig, ca, Ftp(cert, records), feed)
    check(status == 0 and os.listdir(feed) == ["smf.d261123"], "curl: status %d, %r, %s", status, os.listdir(feed), words)
    fetch_by_sftp(rig, start_sshd(rig), source.path, feed)
    check(sorted(os.listdir(feed)) == ["SYSLOG.20261123", "smf.d261123"], "sftp left %r", os.listdir(feed))
    for name in os.listdir(feed):
        sink = rig.sink("sink-" + name, cert=cert)
        rig.lugger("shipper-" + name, {
            "inputs": [{"name": "feed", "type": "file", "path": [os.path.join(feed, name)], **source.options}],
            "outputs": [{"name": "siem", "type": "syslog", "servers": ["127.0.0.1:%d" % sink.port], "tls": {"ca_file": ca.pem}}],
        }).once()
        compare(name, source.expected, [content(message) for message in sink.messages()])
    print("%d configurations checked; %d records by FTPS and as many by SFTP" % (configurations, len(source.expected)))

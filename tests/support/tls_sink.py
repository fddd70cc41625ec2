#!/usr/bin/env python3
"""A recording TLS (or TCP) receiver: stores every decrypted byte, connection by connection.

    tls_sink.py DIR [--port N] [--cert PEM --key PEM] [--client-ca PEM] [--max-tls 1.2] [--receive-buffer BYTES]

DIR/port     the port, once it listens (127.0.0.1)
DIR/N.bytes  what connection N sent, after decryption
DIR/events   one JSON line per event: {"connection": N, "event": "accepted" | "established" | "failed" | "eof" | "reset", ...}

Without --cert it speaks plain TCP. It answers an orderly close with its own. Ends at SIGTERM.
"""

import argparse
import json
import os
import signal
import socket
import ssl
import sys
import threading


class Sink:
    def __init__(self, directory, context):
        self.directory = directory
        self.context = context
        self.lock = threading.Lock()
        self.events = open(os.path.join(directory, "events"), "a", buffering=1)

    def say(self, number, event, **more):
        with self.lock:
            self.events.write(json.dumps({"connection": number, "event": event, **more}) + "\n")

    def serve(self, number, sock):
        self.say(number, "accepted")
        # The file is there from the first moment: a connection that failed has an empty one.
        with open(os.path.join(self.directory, "%d.bytes" % number), "wb", buffering=0) as out:
            if self.context:
                try:
                    sock = self.context.wrap_socket(sock, server_side=True, suppress_ragged_eofs=False)
                except (ssl.SSLError, OSError) as error:
                    self.say(number, "failed", error=str(error))
                    sock.close()
                    return
                self.say(number, "established", version=sock.version(), cipher=sock.cipher()[0])
            self.receive(number, sock, out)
        sock.close()

    def receive(self, number, sock, out):
        try:
            while True:
                data = sock.recv(1 << 18)
                if not data:
                    break
                out.write(data)
            if self.context:
                sock.unwrap().close()
            self.say(number, "eof")
        except (ssl.SSLError, OSError) as error:
            self.say(number, "reset", error=str(error))


def make_context(arguments):
    if not arguments.cert:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(arguments.cert, arguments.key)
    if arguments.client_ca:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(arguments.client_ca)
    if arguments.max_tls == "1.2":
        context.maximum_version = ssl.TLSVersion.TLSv1_2
    return context


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("directory")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--cert")
    parser.add_argument("--key")
    parser.add_argument("--client-ca")
    parser.add_argument("--max-tls")
    parser.add_argument("--receive-buffer", type=int)
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    os.makedirs(arguments.directory, exist_ok=True)
    sink = Sink(arguments.directory, make_context(arguments))
    # Numbers go on across restarts in the same directory.
    number = len([name for name in os.listdir(arguments.directory) if name.endswith(".bytes")])
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if arguments.receive_buffer:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, arguments.receive_buffer)
    listener.bind(("127.0.0.1", arguments.port))
    listener.listen(64)
    port_file = os.path.join(arguments.directory, "port")
    with open(port_file + ".new", "w") as out:
        out.write("%d\n" % listener.getsockname()[1])
    os.rename(port_file + ".new", port_file)
    while True:
        sock, _ = listener.accept()
        threading.Thread(target=sink.serve, args=(number, sock), daemon=True).start()
        number += 1


if __name__ == "__main__":
    sys.exit(main())

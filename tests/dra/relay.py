# SPDX-License-Identifier: Apache-2.0
"""A way to the API server that a test can cut."""

import contextlib
import select
import socket
import threading
import time
from urllib.parse import urlsplit


class Relay:
    """Forwards connections on a port of its own. While it is cut it accepts none and has none; while
    it is silent it accepts all and passes nothing on."""

    def __init__(self, server):
        url = urlsplit(server)
        self.target = (url.hostname, url.port)
        self.listener = None
        self.connections = set()
        self.lock = threading.Lock()
        self.port = 0
        self.silent = False
        self.mend()

    def mend(self):
        self.listener = socket.create_server(("127.0.0.1", self.port))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, args=(self.listener,), daemon=True).start()

    def cut(self):
        # A thread that waits in accept() keeps a closed socket listening; shutdown wakes it.
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        with self.lock:
            for connection in self.connections:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def _accept(self, listener):
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._forward, args=(client,), daemon=True).start()

    def _forward(self, client):
        with client, socket.create_connection(self.target) as server:
            with self.lock:
                self.connections |= {client, server}
            with contextlib.suppress(OSError):
                while True:
                    ready = select.select([client, server], [], [])[0]
                    if self.silent:
                        time.sleep(0.05)
                        continue
                    for end in ready:
                        data = end.recv(1 << 16)
                        if not data:
                            raise OSError("the end")
                        (server if end is client else client).sendall(data)
            with self.lock:
                self.connections -= {client, server}

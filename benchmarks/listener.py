"""A process that accepts connections on the given address and prints its port: a target to kill."""

import socket
import sys

with socket.create_server((sys.argv[1], 0)) as server:
    sys.stdout.write(f"{server.getsockname()[1]}\n")
    sys.stdout.flush()
    while True:
        server.accept()[0].close()

#!/usr/bin/env python3
"""Attacks the demo application over loopback and prints a figure for each attack. Usage: abuse.py PROGRAM [BACKEND...]

Everything is bounded in count. Nothing is judged by time: after each attack the server must answer, hold no more than a
few descriptors beyond those it began with, and have its memory within a stated bound. Linux and Python alone are needed.
"""
import contextlib
import os
import resource
import selectors
import socket
import struct
import subprocess
import sys
import time

HANG = 60
MIB = 1 << 20
HOST = b"Host: a\r\n"
GET = b"GET /plaintext HTTP/1.1\r\n" + HOST + b"\r\n"
LAST = b"GET /plaintext HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n"
CHUNKED = b"POST /echo HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n"
# What the allocator may keep after an attack, in bytes: 5,000 connections leave their share of it.
KEPT = 64 * MIB


class Server:
    """The program, with the timeouts that an attack shall run into set to a second or two."""

    def __init__(self, program, backend, *flags):
        command = [program, "serve", "--listen", "127.0.0.1:0", "--backend", backend, "--workers", "2", *flags]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE)
        line = self.process.stdout.readline().decode()
        self.address = ("127.0.0.1", int(line.split("http://127.0.0.1:")[1].split()[0].strip("/,")))
        for _ in range(20):
            self.ask()
        settle(lambda: True)
        self.fds_before, self.rss_before = self.fds(), self.rss()

    def fds(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def rss(self):
        with open(f"/proc/{self.process.pid}/statm") as statm:
            return int(statm.read().split()[1]) * resource.getpagesize()

    def cpu(self):
        with open(f"/proc/{self.process.pid}/stat") as stat:
            user, system = stat.read().rsplit(")", 1)[1].split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")

    def connect(self):
        return socket.create_connection(self.address, HANG)

    def ask(self):
        with self.connect() as client:
            client.sendall(LAST)
            answer = read_all(client)
        assert answer.startswith(b"HTTP/1.1 200 OK\r\n") and answer.endswith(b"Hello, World!"), answer

    def check(self, kept=KEPT):
        """The server answers, and gave back what it held. Returns what its memory grew by."""
        assert self.process.poll() is None, "the server is gone"
        self.ask()
        assert settle(lambda: self.fds() <= self.fds_before + 4), f"{self.fds()} fds, {self.fds_before} before"
        grown = self.rss() - self.rss_before
        assert grown < kept, f"{grown} bytes kept"
        return grown

    def stop(self):
        self.process.terminate()
        code = self.process.wait(HANG)
        assert code == 0, f"exit code {code}"


def settle(done):
    """Waits until something holds."""
    for _ in range(HANG * 20):
        time.sleep(0.05)
        if done():
            return True
    return False


def read_all(client):
    parts = []
    while part := client.recv(1 << 16):
        parts.append(part)
    return b"".join(parts)


def status(client):
    """Sends nothing more, and returns the status of what comes until the end; 0 for a reset."""
    try:
        answer = read_all(client)
    except ConnectionError:
        return 0
    return int(answer.split()[1]) if answer else None


def reset(client):
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


def push(client, piece, most):
    """Writes again and again until the server stops reading or is gone. Returns how many bytes went."""
    client.settimeout(1)
    sent = 0
    with contextlib.suppress(OSError):
        while sent < most:
            sent += client.send(piece)
    client.settimeout(HANG)
    return sent


def mib(n):
    return f"{n / MIB:.1f} MiB"


def slow_head(server):
    clients = [server.connect() for _ in range(100)]
    for byte in (b"G", b"E", b"T"):
        for client in clients:
            client.sendall(byte)
    got = [status(client) for client in clients]
    assert got == [408] * 100, got
    return "100 of 100 answered 408"


def slow_body(server):
    clients = [server.connect() for _ in range(100)]
    for client in clients:
        client.sendall(b"POST /post-something HTTP/1.1\r\n" + HOST +
                       b"Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{")
    got = [status(client) for client in clients]
    assert got == [408] * 100, got
    return "100 of 100 answered 408"


def reader_that_stops(server):
    clients = [server.connect() for _ in range(20)]
    for n, client in enumerate(clients):
        client.sendall((b"GET /bytes/104857600", b"GET /stream/20000000")[n % 2] + b" HTTP/1.1\r\n" + HOST + b"\r\n")
        client.recv(1)
    peak = 0

    def dropped():
        nonlocal peak
        peak = max(peak, server.rss() - server.rss_before)
        return server.fds() <= server.fds_before + 4

    assert settle(dropped), "readers that stopped are still there"
    for client in clients:
        client.close()
    assert peak < 20 * MIB, peak
    return f"20 answers of 100 MiB and more: RSS +{mib(peak)} at most, all aborted"


def idle_connections(server):
    count = 5000
    clients = [server.connect() for _ in range(count)]
    for client in clients:
        client.sendall(GET)
    for client in clients:
        assert client.recv(4096).startswith(b"HTTP/1.1 200 OK")
    grown = server.rss() - server.rss_before
    fds = server.fds() - server.fds_before
    for client in clients:
        client.close()
    assert grown < count * 8192, grown
    return f"{count} open: +{fds} fds, {grown // count} bytes of RSS each"


def many_connects(server):
    for _ in range(20_000):
        socket.create_connection(server.address, HANG).close()
    settle(lambda: server.fds() <= server.fds_before + 4)
    return f"20,000 done: {server.fds() - server.fds_before:+} fds, RSS +{mib(server.rss() - server.rss_before)}"


def reset_at_every_stage(server):
    large = b"GET /bytes/104857600 HTTP/1.1\r\n" + HOST + b"\r\n"
    upload = b"POST /echo HTTP/1.1\r\n" + HOST + b"Content-Length: 100\r\n\r\nabc"
    stages = [GET[:n] for n in range(len(GET))]
    stages += [CHUNKED + b"5\r\nabcde\r\n0\r\n\r\n"[:n] for n in range(15)]
    stages += [GET, GET * 100, large, upload, b"GET /delay/10000 HTTP/1.1\r\n" + HOST + b"\r\n", LAST, b"\0"]
    count = 0
    for wait in (False, True):
        for stage in stages * 5:
            client = server.connect()
            client.sendall(stage)
            if wait:
                client.settimeout(0.001)
                with contextlib.suppress(OSError):
                    client.recv(1)
            reset(client)
            count += 1
    return f"{count} resets at {len(stages)} stages"


def half_close(server):
    for request in (GET, b"POST /echo HTTP/1.1\r\n" + HOST + b"Content-Length: 3\r\n\r\nabc",
                    b"GET /delay/100 HTTP/1.1\r\n" + HOST + b"\r\n", b"GET /stream/1000 HTTP/1.1\r\n" + HOST + b"\r\n"):
        with server.connect() as client:
            client.sendall(request)
            client.shutdown(socket.SHUT_WR)
            answer = read_all(client)
            assert answer.startswith(b"HTTP/1.1 200 OK\r\n"), answer
            assert b"chunked" not in answer or answer.endswith(b"0\r\n\r\n"), answer[-100:]
    for half in (GET[:20], CHUNKED + b"5\r\nab"):
        with server.connect() as client:
            client.sendall(half)
            client.shutdown(socket.SHUT_WR)
            assert status(client) in (200, 400)
    return "4 of 4 whole requests answered whole, 2 of 2 cut ones refused"


def pipelined_unread(server):
    client = server.connect()
    sent = push(client, GET * 1000, 100_000 * len(GET))
    grown = server.rss() - server.rss_before
    client.close()
    assert grown < 8 * MIB, grown
    return f"{sent // len(GET):,} of 100,000 requests taken by the sockets, RSS +{mib(grown)}"


def many_fields(server):
    with server.connect() as client:
        push(client, b"GET / HTTP/1.1\r\n" + HOST + b"".join(b"X%d: y\r\n" % n for n in range(10_000)) + b"\r\n", 1)
        got = status(client)
    assert got == 431, got
    return "431"


def endless(server, first, piece, wanted):
    """What never ends is refused, with an answer if that is wanted. The peer writes on, which may cost it the answer."""
    with server.connect() as client:
        client.sendall(first)
        sent = push(client, piece, 64 * MIB)
        grown = server.rss() - server.rss_before
    with server.connect() as client:
        client.sendall(first + piece * (200_000 // len(piece)))
        got = status(client)
    assert sent < 64 * MIB and grown < 8 * MIB, (sent, grown)
    assert got == wanted, got
    return f"{got}; {mib(sent)} taken by the sockets before the end, RSS +{mib(grown)}"


def endless_head(server):
    return endless(server, b"GET / HTTP/1.1\r\n" + HOST + b"X: ", b"y" * 1000, 431)


def endless_chunk_extension(server):
    first = b"POST /post-something HTTP/1.1\r\n" + HOST + b"Content-Type: application/json\r\n"
    return endless(server, first + b"Transfer-Encoding: chunked\r\n\r\n1;", b"x" * 1000, 400)


def endless_trailers(server):
    first = b"POST /post-something HTTP/1.1\r\n" + HOST + b"Content-Type: application/json\r\n"
    return endless(server, first + b"Transfer-Encoding: chunked\r\n\r\n0\r\n", b"X: y\r\n" * 100, 431)


def serve_as_places_come_free(clients):
    """Reads the answer of each client, whichever has one, and closes it."""
    with selectors.DefaultSelector() as selector:
        for client in clients:
            selector.register(client, selectors.EVENT_READ)
        served = 0
        while selector.get_map():
            ready = selector.select(HANG)
            assert ready, f"{len(clients) - served} connections wait for ever"
            for key, _ in ready:
                selector.unregister(key.fileobj)
                assert key.fileobj.recv(4096).startswith(b"HTTP/1.1 200 OK")
                key.fileobj.close()
                served += 1
    return served


def descriptor_exhaustion(server):
    """The limit falls below what `max_connections` allows for, so that the system refuses to accept."""
    limit = server.fds_before + 50
    resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, (limit, limit))
    clients = [server.connect() for _ in range(200)]
    for client in clients:
        client.sendall(GET)
    assert settle(lambda: server.fds() >= limit), f"{server.fds()} of {limit} descriptors"
    before = server.cpu()
    time.sleep(1)
    spent = server.cpu() - before
    served = serve_as_places_come_free(clients)
    return f"200 connections on {limit} descriptors: {spent:.2f} s of CPU in a second of waiting, then {served} served"


ATTACKS = [slow_head, slow_body, reader_that_stops, idle_connections, many_connects, reset_at_every_stage, half_close,
           pipelined_unread, many_fields, endless_head, endless_chunk_extension, endless_trailers,
           descriptor_exhaustion]


def main():
    program, backends = sys.argv[1], sys.argv[2:] or ["tokio", "smol", "async-std"]
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    print("| backend | attack | figure | RSS kept |\n| --- | --- | --- | --- |")
    for backend in backends:
        for attack in ATTACKS:
            server = Server(program, backend, "--head", "1s", "--body-grace", "1s", "--write-stall", "2s", "--idle", "60s")
            try:
                figure = attack(server)
                kept = server.check()
                server.stop()
            finally:
                server.process.kill()
            print(f"| {backend} | {attack.__name__.replace('_', ' ')} | {figure} | {mib(kept)} |", flush=True)


if __name__ == "__main__":
    main()

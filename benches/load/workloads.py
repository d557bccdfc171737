"""What is measured, and on whom."""

import http.client
from dataclasses import dataclass, field

import measure
from servers import BACKENDS, MIB, SERVERS, Failed, ours

LARGE = 100 * MIB
PATTERN = bytes(range(256))
#: Who is asked for large bodies, besides us.
LARGE_BODIES = ("hyper", "axum", "actix", "trillium-tokio", "raw")
OURS = [ours(backend, "per-core").key for backend in BACKENDS]
BOTH = OURS + [ours(backend, "stealing").key for backend in BACKENDS]


@dataclass(frozen=True)
class Workload:
    key: str
    title: str
    #: What is asked, and what must come: method, path, body, media type or None, answer's body.
    method: str
    path: str
    sent: bytes
    wanted: bytes
    measure: object
    #: What the server must have: plaintext, files, echo, sink, chunked, large, tls.
    routes: tuple = ()
    #: Those to whom it is of interest; all where it is empty.
    servers: tuple = ()
    baseline: str = "hyper"
    unit: str = "µs of CPU a request"
    scale: float = 1e-3
    #: How many windows there are for one of the others.
    share: float = 1.0
    workers: int = 2
    note: str = ""
    load: dict = field(default_factory=dict)
    #: A server that is new for each window.
    fresh: bool = False
    #: Whether others on the cores change the figure. They change no count of bytes.
    timed: bool = True

    def takes(self, server):
        return server.has(*self.routes) and (not self.servers or server.key in self.servers)

    @property
    def secure(self):
        return "tls" in self.routes

    def window(self, running, cores, options):
        if self.measure is measure.idle:
            return measure.idle(running, cores, self.load["count"])
        if self.measure is measure.transfer:
            return measure.transfer(running, cores, self.path, LARGE, **self.load)
        seconds = self.load.get("seconds", 1) * options.seconds
        load = {name: value for name, value in self.load.items() if name != "seconds"}
        if self.measure is measure.handshakes:
            return measure.handshakes(running, cores, seconds, **load)
        return self.measure(running, cores, seconds, self.path, method=self.method, body=len(self.sent), **load)

    def check(self, running):
        """Compares an answer with what it must be, twice on one connection."""
        connection = self.connection(running)
        for _ in range(2):
            connection.request(self.method, self.path, body=self.sent or None)
            answer = connection.getresponse()
            body = answer.read()
            length = answer.getheader("content-length")
            if answer.status != 200:
                raise Failed(f"{running.server.key}: {self.path} is {answer.status}")
            if body != self.wanted:
                raise Failed(f"{running.server.key}: {self.path} has {len(body)} wrong bytes: {body[:60]!r}")
            if "chunked" in self.routes:
                if answer.getheader("transfer-encoding", "").lower() != "chunked":
                    raise Failed(f"{running.server.key}: {self.path} is not chunked")
            elif self.measure is not measure.transfer and length not in (str(len(body)), None):
                raise Failed(f"{running.server.key}: {self.path} has a length of {length}")
            if self.path == "/plaintext" and not answer.getheader("content-type", "").startswith("text/plain"):
                raise Failed(f"{running.server.key}: {self.path} has another type")
            if answer.getheader("date") is None:
                raise Failed(f"{running.server.key}: no date")
        connection.close()

    def connection(self, running):
        if not self.secure:
            return http.client.HTTPConnection("127.0.0.1", running.port, timeout=30)
        return http.client.HTTPSConnection("127.0.0.1", running.port, timeout=30, context=running.context())


def plaintext(key, title, connections, **more):
    load = {"connections": connections} | more.pop("load", {})
    how = more.pop("measure", measure.window)
    routes = more.pop("routes", ("plaintext",))
    return Workload(key, title, "GET", "/plaintext", b"", b"Hello, World!", how, routes, load=load, **more)


def pattern(size):
    return PATTERN * (size // 256)


MAIN = [
    plaintext("keepalive-64", "keep-alive, 64 connections", 64),
    plaintext("keepalive-512", "keep-alive, 512 connections", 512),
    plaintext("pipelined-16", "16 pipelined, 64 connections", 64, load={"pipelined": 16}),
    Workload(
        "echo-1k", "POST echo of 1 KiB, 64 connections", "POST", "/echo", b"x" * 1024, b"x" * 1024,
        measure.window, ("echo",), load={"connections": 64},
    ),
    Workload(
        "bytes-1m", "answers of 1 MiB, 16 connections", "GET", "/bytes/1048576", b"", pattern(MIB),
        measure.window, load={"connections": 16},
    ),
]
OTHERS = [
    Workload(
        "static-1m", "a static file of 1 MiB, 16 connections", "GET", "/index-1MiB", b"", pattern(MIB),
        measure.window, ("files",), baseline="axum", load={"connections": 16},
    ),
    Workload(
        "download-sized", "download of 100 MiB with a length", "GET", f"/bytes/{LARGE}", b"", pattern(LARGE),
        measure.transfer, ("large",), (*OURS, *LARGE_BODIES), "raw", unit="µs of CPU a MiB", load={"times": 3},
        note="The limit writes the same bytes in a loop.",
    ),
    Workload(
        "download-chunked", "download of 100 MiB in chunks of 64 KiB", "GET", f"/chunked/{LARGE}", b"", pattern(LARGE),
        measure.transfer, ("chunked",), (*OURS, *LARGE_BODIES), "raw", unit="µs of CPU a MiB", load={"times": 3},
        note="The limit writes the same bytes in a loop.",
    ),
    Workload(
        "upload", "upload of 100 MiB", "POST", "/sink", b"", b"0",
        measure.transfer, ("sink",), (*OURS, *LARGE_BODIES), "raw", unit="µs of CPU a MiB", load={"times": 3, "upload": True},
        note="The limit reads the same bytes in a loop, 64 KiB a time.",
    ),
    *(
        plaintext(
            f"connections-{count}", f"{count:,} connections", count, share=0.3 if count == 10000 else 0.5,
            servers=(*OURS, "hyper", "nginx", "raw"), load={"seconds": 4} if count == 10000 else {},
            note="Opening the connections is part of it." if count == 10000 else "",
        )
        for count in (1, 64, 1000, 10000)
    ),
    *(
        plaintext(
            f"workers-{count}", f"{count} worker{'s' * (count > 1)} on {count} core{'s' * (count > 1)}, 128 connections",
            128, share=0.5, workers=count, servers=(*BOTH, "hyper", "hyper-per-core", "raw"),
        )
        for count in (1, 2)
    ),
    plaintext(
        "idle-10000", "10,000 idle keep-alive connections", 0, measure=measure.idle, load={"count": 10000},
        unit="KiB of memory a connection", scale=1 / 1024, share=0.1, fresh=True, timed=False,
    ),
    plaintext(
        "syscalls-64", "system calls, 64 connections", 64, measure=measure.syscalls,
        unit="system calls a request", scale=1.0, share=0.2,
    ),
]
TLS = [
    *(
        plaintext(
            key, title, 64, measure=measure.handshakes, routes=("plaintext", "tls"), load={"resume": resume},
            unit="µs of CPU a handshake",
            note="A connection, its handshake, one request, its answer and the end, with 64 of them at a time."
            " Keys are exchanged by X25519; the certificate is ECDSA of P-256." + more,
        )
        for key, title, resume, more in (
            ("tls-handshakes", "full handshakes", False, ""),
            ("tls-resumed", "resumed handshakes", True, " Each resumes the session of the connection before it."),
        )
    ),
    plaintext("tls-keepalive-64", "keep-alive, 64 connections", 64, routes=("plaintext", "tls")),
    Workload(
        "tls-bytes-1m", "answers of 1 MiB, 16 connections", "GET", "/bytes/1048576", b"", pattern(MIB),
        measure.window, ("tls",), unit="µs of CPU a MiB", load={"connections": 16},
    ),
    Workload(
        "tls-upload", "upload of 100 MiB", "POST", "/sink", b"", b"0",
        measure.transfer, ("sink", "tls"), unit="µs of CPU a MiB", load={"times": 3, "upload": True},
    ),
]
WORKLOADS = {workload.key: workload for workload in MAIN + OTHERS + TLS}
assert all(key in {server.key for server in SERVERS} for key in BOTH)

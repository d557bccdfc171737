"""The servers of the comparison: how each is started, and how it ends with whoever started it."""

import ctypes
import os
import signal
import socket
import ssl
import subprocess
import tempfile
import time
from dataclasses import dataclass, field

MIB = 1 << 20
LIBC = ctypes.CDLL(None)
PR_SET_PDEATHSIG = 1
NGINX = """
daemon off; pid {dir}/pid; error_log stderr error; worker_processes {threads}; worker_rlimit_nofile {files};
{user}
events {{ worker_connections {files}; }}
http {{
  access_log off; default_type application/octet-stream; sendfile {sendfile}; tcp_nopush off;
  keepalive_requests 1000000000; keepalive_timeout 75s;
  client_body_temp_path {dir}/body; proxy_temp_path {dir}/proxy; fastcgi_temp_path {dir}/fastcgi;
  uwsgi_temp_path {dir}/uwsgi; scgi_temp_path {dir}/scgi;
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location = /plaintext {{ default_type text/plain; return 200 "Hello, World!"; }}
    location = /json {{ default_type application/json; return 200 '{{"message":"Hello, World!"}}'; }}
    location / {{ root {root}; }}
  }}
}}
"""


@dataclass(frozen=True)
class Server:
    """A server by name. `group` orders and colours it: ours, peer or limit."""

    key: str
    title: str
    group: str
    #: `anyloop serve` with these arguments, if it is ours.
    serve: tuple = ()
    #: `peers` with these arguments.
    peers: tuple = ()
    #: nginx with sendfile so.
    sendfile: str = ""
    lacks: frozenset = field(default_factory=frozenset)

    def has(self, *routes):
        return not self.lacks & set(routes)


def ours(backend, model):
    return Server(
        f"anyloop-{backend}" + ("" if model == "per-core" else f"-{model}"),
        f"anyloop, {backend}" + ("" if model == "per-core" else f", {model}"),
        "ours",
        lacks=frozenset() if model == "per-core" else frozenset({"tls"}),
        serve=("--backend", backend, "--model", model),
        peers=(f"anyloop-{backend}", "--model", model),
    )


def peer(key, title, lacks=("files", "tls"), group="peer"):
    return Server(key, title, group, peers=(key,), lacks=frozenset(lacks))


BACKENDS = ("tokio", "smol", "async-std")
#: What nginx has no route for.
NGINX_LACKS = frozenset({"echo", "sink", "chunked", "large", "tls"})
SERVERS = [
    *(ours(backend, "per-core") for backend in BACKENDS),
    *(ours(backend, "stealing") for backend in BACKENDS),
    peer("hyper", "hyper, tokio", lacks=("files",)),
    peer("hyper-per-core", "hyper, tokio per core", lacks=("files",)),
    peer("hyper-smol", "hyper, smol"),
    peer("axum", "axum", lacks=("tls",)),
    peer("actix", "actix-web", lacks=()),
    peer("ntex", "ntex"),
    peer("trillium-tokio", "trillium, tokio", lacks=("files", "sink", "tls")),
    peer("trillium-smol", "trillium, smol", lacks=("files", "sink", "tls")),
    peer("trillium-async-std", "trillium, async-std", lacks=("files", "sink", "tls")),
    peer("may", "may_minihttp", lacks=("files", "sink", "chunked", "large", "tls")),
    Server("nginx", "nginx", "peer", sendfile="on", lacks=NGINX_LACKS),
    Server("nginx-copy", "nginx without sendfile", "peer", sendfile="off", lacks=NGINX_LACKS | {"plaintext"}),
    peer("raw", "epoll, canned answers", group="limit"),
]
BY_KEY = {server.key: server for server in SERVERS}


class Failed(Exception):
    """A server that does not start, or does not answer as it should."""


def dies_with_parent(cores, how):
    """What a child does before it becomes the program: end when we end, and stay on its cores."""

    def prepare():
        LIBC.prctl(PR_SET_PDEATHSIG, how)
        os.sched_setaffinity(0, cores)

    return prepare


class Running:
    """A server that runs, pinned to its cores."""

    def __init__(self, server, programs, cores, threads, routes=()):
        """`routes` are those that the workload needs: they decide which program stands for anyloop, and whether it has files
        and TLS."""
        self.server, self.programs = server, programs
        self.scheme = "https" if "tls" in routes else "http"
        self.folder = tempfile.TemporaryDirectory(prefix="anyloop-load-")
        self.errors = open(os.path.join(self.folder.name, "stderr"), "w+")
        command, how = self.command(server, programs, threads, set(routes))
        self.process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE if not server.sendfile else subprocess.DEVNULL,
            stderr=self.errors,
            stdin=subprocess.DEVNULL,
            preexec_fn=dies_with_parent(cores, how),
        )
        self.how = how
        try:
            if not server.sendfile:
                line = self.process.stdout.readline().decode()
                if "://127.0.0.1:" not in line:
                    raise Failed("it said nothing of where it listens")
                self.port = int(line.split("://127.0.0.1:")[1].split()[0].strip("/,"))
            self.wait()
        except Failed as failure:
            self.stop()
            raise Failed(f"{server.key}: {failure}") from None

    def command(self, server, programs, threads, routes):
        count = str(threads)
        if server.sendfile:
            return self.nginx(server, programs, threads), signal.SIGTERM
        files = ["--root", programs.files] if "files" in routes else []
        tls = ["--tls-cert", programs.certificate, "--tls-key", programs.key] if "tls" in routes else []
        if server.serve and not routes & {"sink", "chunked", "large"}:
            demo = [*files, "--demo"] if files else []
            command = [programs.anyloop, "serve", "--listen", "127.0.0.1:0", "--workers", count, *server.serve, *demo, *tls]
        else:
            command = [programs.peers, *server.peers, "--threads", count, *files, *tls]
        return command, signal.SIGKILL

    def nginx(self, server, programs, threads):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        values = {
            "dir": self.folder.name,
            "root": programs.files,
            "port": self.port,
            "threads": threads,
            "sendfile": server.sendfile,
            "files": 20000,
            "user": "user root;" if os.geteuid() == 0 else "",
        }
        path = os.path.join(self.folder.name, "nginx.conf")
        with open(path, "w") as config:
            config.write(NGINX.format(**values))
        return [programs.nginx, "-p", self.folder.name, "-e", "stderr", "-c", path]

    def wait(self):
        for _ in range(200):
            if self.process.poll() is not None:
                self.errors.seek(0)
                raise Failed(f"it ended with {self.process.returncode}: {self.errors.read()[-500:]}")
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                time.sleep(0.02)
        raise Failed("it does not listen")

    def context(self):
        """What a client speaks TLS with. The certificate must be the one that all have, and the version 1.3."""
        context = ssl.create_default_context(cafile=self.programs.certificate)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        return context

    def secured(self, client):
        """A connected socket, with TLS around it where the server has that."""
        if self.scheme == "http":
            return client
        return self.context().wrap_socket(client, server_hostname="127.0.0.1")

    def url(self, path):
        return f"{self.scheme}://127.0.0.1:{self.port}{path}"

    def pids(self):
        """The process and, for nginx, its workers."""
        pid = self.process.pid
        try:
            with open(f"/proc/{pid}/task/{pid}/children") as children:
                return [pid, *map(int, children.read().split())]
        except OSError:
            return [pid]

    def cpu(self):
        """The CPU time of all threads, those that ended among them, in nanoseconds."""
        # The number of a process's CPU clock, as clock_getcpuclockid makes it.
        return sum(time.clock_gettime_ns((~pid << 3) | 2) for pid in self.pids())

    def resident(self):
        """The bytes of resident memory that are no one else's."""
        total = 0
        for pid in self.pids():
            with open(f"/proc/{pid}/smaps_rollup") as smaps:
                total += sum(
                    int(line.split()[1]) * 1024 for line in smaps if line.startswith(("Private_Clean", "Private_Dirty"))
                )
        return total

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(self.how)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        if self.process.stdout:
            self.process.stdout.close()
        self.errors.close()
        self.folder.cleanup()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

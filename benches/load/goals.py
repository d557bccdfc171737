"""The goals of the project that the load test measures."""

from dataclasses import dataclass

from servers import BACKENDS, ours


@dataclass(frozen=True)
class Goal:
    title: str
    bound: float
    #: From the tables, a dictionary of rows by server for each workload, to the figure or None.
    figure: object
    least: bool = False

    def value(self, tables):
        found = {key: {row.key: row for row in table} for key, table in tables.items()}
        try:
            return self.figure(found)
        except KeyError:
            return None


def relative(workload, server, base=None):
    """The median ratio to the baseline of the workload, or the ratio of medians to another server."""
    if base is None:
        return lambda found: found[workload][server].ratio[0] if found[workload][server].ratio else None
    return lambda found: found[workload][server].unit[0] / found[workload][base].unit[0]


def unit(workload, server):
    return lambda found: found[workload][server].unit[0]


def best(figures, choose):
    def figure(found):
        values = []
        for part in figures:
            try:
                values.append(part(found))
            except KeyError:
                continue
        values = [value for value in values if value is not None]
        return choose(values) if values else None

    return figure


def scaling(server):
    return lambda found: found["workers-2"][server].rate / found["workers-1"][server].rate


def growth(server):
    """How much more a request costs at the worst count of connections than at 64, as a multiple of the same for bare epoll."""
    keys = [f"connections-{count}" for count in (64, 1000, 10000)]

    def of(found, key):
        costs = [found[workload][key].unit[0] for workload in keys]
        return max(costs) / costs[0]

    return lambda found: of(found, server) / of(found, "raw")


TLS = (
    ("a full handshake", "tls-handshakes"),
    ("a resumed handshake", "tls-resumed"),
    ("keep-alive, 64 connections", "tls-keepalive-64"),
    ("answers of 1 MiB", "tls-bytes-1m"),
    ("an upload", "tls-upload"),
)
GOALS = [
    Goal("3: tokio, keep-alive, 64 connections, to hyper", 0.90, relative("keepalive-64", "anyloop-tokio")),
    Goal("3: tokio, 16 pipelined, to hyper", 0.65, relative("pipelined-16", "anyloop-tokio")),
    Goal("3: tokio, echo of 1 KiB, to hyper", 0.92, relative("echo-1k", "anyloop-tokio")),
    Goal("3: tokio, answers of 1 MiB, to hyper", 0.72, relative("bytes-1m", "anyloop-tokio")),
    *(
        Goal(f"4: {backend}, {name}, to hyper on tokio", bound, relative(workload, f"anyloop-{backend}"))
        for backend in BACKENDS[1:]
        for name, workload, bound in (
            ("keep-alive, 64 connections", "keepalive-64", 1.0),
            ("keep-alive, 512 connections", "keepalive-512", 0.9),
            ("16 pipelined", "pipelined-16", 0.8),
        )
    ),
    *(
        Goal(f"4: {backend}, system calls a request", 3.0, unit("syscalls-64", f"anyloop-{backend}"))
        for backend in BACKENDS
    ),
    *(
        Goal(f"5: {backend}, KiB for an idle connection", 1.25, unit("idle-10000", f"anyloop-{backend}"))
        for backend in BACKENDS
    ),
    *(
        Goal(f"6: {backend}, growth of CPU a request up to 10,000 connections, to that of bare epoll", 1.1, growth(f"anyloop-{backend}"))
        for backend in BACKENDS
    ),
    *(
        Goal(
            f"6: {backend}, requests/s of 2 workers, to 1",
            1.8,
            best([scaling(ours(backend, model).key) for model in ("per-core", "stealing")], max),
            least=True,
        )
        for backend in BACKENDS
    ),
    *(
        Goal(f"7: {backend}, {name}, to a loop of writes", 1.3, relative(workload, f"anyloop-{backend}"))
        for backend in BACKENDS
        for name, workload in (("100 MiB with a length", "download-sized"), ("100 MiB in chunks", "download-chunked"))
    ),
    *(
        Goal(f"TLS: tokio, {name}, to hyper with tokio-rustls", 1.0, relative(workload, "anyloop-tokio"))
        for name, workload in TLS
    ),
    *(
        Goal(f"TLS: {backend}, {name}, to our tokio", 1.15, relative(workload, f"anyloop-{backend}", "anyloop-tokio"))
        for backend in BACKENDS[1:]
        for name, workload in TLS
    ),
    *(
        Goal(f"7: {backend}, a file of 1 MiB, to {name}", bound, relative("static-1m", f"anyloop-{backend}", base))
        for backend in BACKENDS
        for name, base, bound in (("axum", "axum", 0.75), ("nginx with sendfile", "nginx", 1.5))
    ),
]

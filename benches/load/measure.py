"""One window of a measurement: load, the CPU it took, and whether somebody else was on the cores."""

import os
import re
import signal
import socket
import subprocess
import threading
import time
from dataclasses import dataclass

from servers import MIB, Failed, dies_with_parent

HERE = os.path.dirname(os.path.abspath(__file__))
TICK = os.sysconf("SC_CLK_TCK")
#: A window counts only when no more than this share of either set of cores went to others or was stolen. Fixed beforehand.
FOREIGN = 0.05
#: From this share of its cores on, the load is the limit and not the server.
BUSY = 0.95
COUNTED = (
    "read recvfrom recvmsg readv write writev sendto sendmsg sendfile64 epoll_wait epoll_pwait epoll_ctl futex"
    " timerfd_settime accept4"
).split()


@dataclass(frozen=True)
class Cores:
    server: frozenset
    load: frozenset


class Watch:
    """What the cores did between two moments."""

    def __init__(self, cores, server):
        self.cores, self.server = cores, server
        self.start = self.sample()

    def sample(self):
        stat = {}
        with open("/proc/stat") as lines:
            for line in lines:
                match = re.match(r"cpu(\d+) (.*)", line)
                if match:
                    user, nice, system, _, _, irq, softirq, steal, *_ = map(int, match[2].split())
                    stat[int(match[1])] = (user + nice + system + irq + softirq, steal)
        return time.monotonic_ns(), self.server.cpu(), time.process_time_ns(), stat

    def end(self, load_cpu):
        """`load_cpu` is what the load took, in ns. Returns the CPU of the server, the time, and what others had."""
        (t0, server0, own0, stat0), (t1, server1, own1, stat1) = self.start, self.sample()
        wall, server = t1 - t0, server1 - server0
        own = load_cpu + own1 - own0

        def share(cores, known):
            room = wall * len(cores)
            busy = sum(stat1[core][0] - stat0[core][0] for core in cores) * 1e9 / TICK
            steal = sum(stat1[core][1] - stat0[core][1] for core in cores) * 1e9 / TICK
            return max(0.0, (busy - known) / room), steal / room

        foreign_server, steal_server = share(self.cores.server, server)
        foreign_load, steal_load = share(self.cores.load, own)
        return {
            "cpu_ns": server,
            "wall_ns": wall,
            "foreign": round(max(foreign_server, foreign_load), 4),
            "steal": round(max(steal_server, steal_load), 4),
            "load_busy": round(own / (wall * len(self.cores.load)), 4),
            "server_busy": round(server / (wall * len(self.cores.server)), 4),
        }


def wrk(cores, url, seconds, connections, method="GET", body=0, pipelined=1):
    """The command that starts wrk."""
    threads = min(len(cores.load), connections)
    command = ["wrk", f"-t{threads}", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s"]
    return [*command, "-s", os.path.join(HERE, "wrk.lua"), url, "--", method, str(body), str(pipelined)]


def start(cores, command):
    """Starts what loads a server."""
    return subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        preexec_fn=dies_with_parent(cores.load, signal.SIGKILL),
    )


def finish(process, seconds):
    """Waits for the load. Returns what it said and the CPU time it took."""
    timer = threading.Timer(seconds + 60, process.kill)
    timer.start()
    text = process.stdout.read().decode()
    process.stdout.close()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    timer.cancel()
    match = re.search(r"^RESULT (.*)$", text, re.M)
    if not match:
        raise Failed(f"the load said: {' '.join(text.split())[-200:]}")
    names = "duration_us requests bytes errors bad p50 p90 p99 max mean".split()
    return dict(zip(names, map(int, match[1].split()))), int((usage.ru_utime + usage.ru_stime) * 1e9)


def window(running, cores, seconds, path, **load):
    """Load by wrk for some seconds. Returns a dictionary of what was seen."""
    return loaded(running, cores, seconds, wrk(cores, running.url(path), seconds, **load))


def loaded(running, cores, seconds, command):
    watch = Watch(cores, running)
    result, cpu = finish(start(cores, command), seconds)
    seen = result | watch.end(cpu)
    if not seen["requests"] or seen["bad"] or seen["errors"]:
        raise Failed(f"{seen['requests']} answers, {seen['bad']} not 2xx, {seen['errors']} socket errors")
    seen["per_unit"] = seen["cpu_ns"] / seen["requests"]
    seen["rate"] = seen["requests"] / seen["duration_us"] * 1e6
    return seen


def handshakes(running, cores, seconds, connections, resume):
    """As `window`, with a handshake for each request. The load is that of `peers/src/handshakes.rs`."""
    threads = min(len(cores.load), connections)
    command = [running.programs.handshakes, f"127.0.0.1:{running.port}", "--connections", str(connections)]
    command += ["--threads", str(threads), "--seconds", str(seconds), *(["--resume"] if resume else [])]
    return loaded(running, cores, seconds, command)


def connect(running):
    client = socket.create_connection(("127.0.0.1", running.port), 30)
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return running.secured(client)


def read_head(client):
    """Reads to the end of a head. Returns it, and what came after it."""
    data = b""
    while b"\r\n\r\n" not in data:
        piece = client.recv(65536)
        if not piece:
            raise Failed(f"the connection ended after {data[:200]!r}")
        data += piece
    head, _, rest = data.partition(b"\r\n\r\n")
    return head, rest


def transfer(running, cores, path, size, times, upload=False):
    """Downloads or uploads a large body over one connection some times. The unit is a MiB."""
    buffer = bytearray(4 * MIB)
    with connect(running) as client:
        watch = Watch(cores, running)
        for _ in range(times):
            (send_body if upload else receive_body)(client, path, size, buffer)
        seen = watch.end(0)
    seen["per_unit"] = seen["cpu_ns"] / (size * times / MIB)
    seen["rate"] = size * times / MIB / seen["wall_ns"] * 1e9
    return seen


def receive_body(client, path, size, buffer):
    client.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    head, rest = read_head(client)
    if b"200" not in head.split(b"\r\n")[0]:
        raise Failed(f"it answered {head[:100]!r}")
    count, end = len(rest), rest[-5:]
    if b"content-length" in head.lower():
        while count < size:
            count += take(client, buffer)
    else:
        while end != b"0\r\n\r\n":
            read = take(client, buffer)
            count += read
            end = (end + bytes(buffer[max(0, read - 5) : read]))[-5:]


def take(client, buffer):
    read = client.recv_into(buffer)
    if not read:
        raise Failed("the connection ended in a body")
    return read


def send_body(client, path, size, buffer):
    client.sendall(f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {size}\r\n\r\n".encode())
    left = size
    while left:
        left -= client.send(memoryview(buffer)[: min(left, len(buffer))])
    head, _ = read_head(client)
    if b" 200" not in head.split(b"\r\n")[0]:
        raise Failed(f"it answered {head[:100]!r}")


def idle(running, cores, count):
    """Opens many connections, each of which does one request and then nothing. The unit is a connection."""
    request = b"GET /plaintext HTTP/1.1\r\nHost: localhost\r\n\r\n"
    clients = []
    try:
        # What the first connections allocate once and for all is not the price of a connection.
        for _ in range(64):
            clients.append(connect(running))
            exchange(clients[-1], request)
        time.sleep(0.2)
        watch, before = Watch(cores, running), running.resident()
        for _ in range(count):
            clients.append(connect(running))
            exchange(clients[-1], request)
        time.sleep(0.5)
        grown = running.resident() - before
        seen = watch.end(0)
        # All are still there: a server that closes them early would look small.
        for client in clients[:: max(1, count // 100)]:
            exchange(client, request)
    finally:
        for client in clients:
            client.close()
    return seen | {"per_unit": grown / count, "rate": 0}


def exchange(client, request):
    client.sendall(request)
    _, rest = read_head(client)
    while len(rest) < 13:
        piece = client.recv(4096)
        if not piece:
            raise Failed("it closes idle connections")
        rest += piece


def syscalls(running, cores, seconds, path, **load):
    """Counts system calls with perf while wrk loads the server. The unit is a request."""
    events = ["raw_syscalls:sys_enter", *(f"syscalls:sys_enter_{name}" for name in COUNTED)]
    command = ["perf", "stat", "-x", ",", "-p", ",".join(map(str, running.pids()))]
    for event in events:
        command += ["-e", event]
    perf = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, preexec_fn=dies_with_parent(cores.load, signal.SIGKILL)
    )
    watch = Watch(cores, running)
    try:
        time.sleep(0.3)
        result, cpu = finish(start(cores, wrk(cores, running.url(path), seconds, **load)), seconds)
    finally:
        perf.send_signal(signal.SIGINT)
        text = perf.communicate(timeout=20)[1].decode()
    counts = {}
    for line in text.splitlines():
        fields = line.split(",")
        if len(fields) > 2 and fields[0].isdigit():
            counts[fields[2].rsplit("sys_enter", 1)[1].lstrip("_") or "all"] = int(fields[0])
    if not counts.get("all"):
        raise Failed(f"perf counted nothing: {' '.join(text.split())[:200]}")
    each = {name: round(count / result["requests"], 3) for name, count in counts.items()}
    return result | watch.end(cpu) | {"per_unit": each.pop("all"), "rate": 0, "calls": each}

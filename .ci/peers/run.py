"""Compares what anyloop understands of each payload with what other servers do. Usage: run.py RECORDER [--verbose]

RECORDER is the program of `examples/recorder.rs`; h11 and aiohttp have to be importable, nginx and haproxy to be there.

The law: anyloop refuses, or agrees with every peer that accepts on the number of requests, and on their methods, targets
and bodies. And behind a proxy it answers exactly the requests that the proxy says it sent.
"""

import collections
import concurrent.futures
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time

from known import KNOWN
from payload import END, PAYLOADS

HERE = os.path.dirname(os.path.abspath(__file__))
# How long a server may be silent before it counts as waiting for more.
SILENCE = 3
CLIENTS = 24

Outcome = collections.namedtuple("Outcome", "port statuses end")
Request = collections.namedtuple("Request", "method target body")


class Server:
    """A process that prints `listening on` and then lines."""

    def __init__(self, *command, **environment):
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, env={**os.environ, **environment})
        first = self.process.stdout.readline().decode()
        if not first.startswith("listening on "):
            self.process.kill()
            sys.exit(f"{command} does not start: {first!r}")
        self.port = int(first.rsplit(":", 1)[1])
        self.lines = []
        self.reader = threading.Thread(target=lambda: self.lines.extend(self.process.stdout), daemon=True)
        self.reader.start()

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
        self.reader.join()

    def requests(self):
        """Returns lists of requests by client."""
        found = collections.defaultdict(list)
        for line in self.lines:
            words = line.decode("utf-8", "replace").rstrip("\n").split("\t")
            if len(words) != 5:
                sys.exit(f"what does {self.process.args} say? {line!r}")
            client, method, target, _, body = words
            target = re.sub(r"^https?://[^/?]*", "", target) or "/"
            found[client].append(Request(method, target, body))
        return found


class Proxy:
    """A process with a log of lines `PORT SENT RECORDED`: whether it sent the request on, and what came back."""

    def __init__(self, command, log, ports):
        self.output = open(log + ".out", "wb")
        self.process = subprocess.Popen(command, stdout=self.output, stderr=subprocess.STDOUT)
        self.log = log
        for port in ports:
            self.wait_for(port)

    def wait_for(self, port):
        for _ in range(100):
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                return
            except OSError:
                time.sleep(0.1)
        self.process.kill()
        self.output.flush()
        sys.exit(f"{self.process.args[0]} does not start:\n{open(self.log + '.out').read()}")

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
        self.output.close()

    def answered(self):
        """Returns by listener and client how many requests it sent on that were answered by the application."""
        found = collections.Counter()
        with open(self.log) as lines:
            for line in lines:
                if match := re.match(r"anyloop-check (\S+) (\d+) 1$", line):
                    found[match[1], match[2]] += 1
        return found


def free_ports(count):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [listener.getsockname()[1] for listener in sockets]
    for listener in sockets:
        listener.close()
    return ports


def nginx(folder, backends):
    names = [f"{mode}-{name}" for name in backends for mode in ("buffered", "streamed")]
    ports = dict(zip(names, free_ports(len(names))))
    upstreams = "".join(
        f"upstream {name} {{ server 127.0.0.1:{port}; keepalive 8; }}\n" for name, port in backends.items())
    servers = "".join(f"""server {{
        listen 127.0.0.1:{port};
        access_log {folder}/nginx.log {name};
        location / {{
            proxy_pass http://{name.partition("-")[2]};
            proxy_http_version 1.1;
            proxy_next_upstream off;
            proxy_request_buffering {"on" if name.startswith("buffered") else "off"};
            proxy_set_header Host $host;
            proxy_set_header Connection "";
            proxy_set_header X-Client $remote_port;
        }}
    }}
    """ for name, port in ports.items())
    formats = "".join(
        f'log_format {name} "anyloop-check {name} $remote_port $upstream_http_x_recorded";\n' for name in names)
    user = "user root;" if os.geteuid() == 0 else ""
    temporary = "".join(
        f"{kind}_temp_path {folder}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    config = f"""daemon off; worker_processes 1; pid {folder}/nginx.pid; {user}
    error_log {folder}/nginx-error.log;
    events {{ worker_connections 1024; }}
    http {{ {temporary} {formats} {upstreams} {servers} }}
    """
    with open(f"{folder}/nginx.conf", "w") as file:
        file.write(config)
    command = ["nginx", "-p", folder, "-e", f"{folder}/nginx-error.log", "-c", f"{folder}/nginx.conf"]
    return Proxy(command, f"{folder}/nginx.log", ports.values()), ports


def haproxy(folder, backends):
    ports = dict(zip(backends, free_ports(len(backends))))
    config = """global
        log stdout format raw local0
    defaults
        mode http
        log global
        timeout client 10s
        timeout server 10s
        timeout connect 5s
        http-reuse always
    """
    for name, port in ports.items():
        config += f"""
    frontend front-{name}
        bind 127.0.0.1:{port}
        http-request set-header X-Client %[src_port]
        http-response set-var(txn.recorded) res.hdr(x-recorded)
        log-format "anyloop-check {name} %cp %[var(txn.recorded)]"
        default_backend {name}
    backend {name}
        server one 127.0.0.1:{backends[name]}
    """
    config += "\n"
    with open(f"{folder}/haproxy.conf", "w") as file:
        file.write(config)
    command = ["haproxy", "-db", "-f", f"{folder}/haproxy.conf"]
    proxy = Proxy(command, f"{folder}/haproxy.log", ports.values())
    proxy.log += ".out"
    return proxy, ports


used, lock = set(), threading.Lock()


def connect(port):
    """Connects from a port that was not used before, for requests are known by it."""
    while True:
        stream = socket.create_connection(("127.0.0.1", port), timeout=SILENCE)
        local = stream.getsockname()[1]
        with lock:
            if local not in used:
                used.add(local)
                return stream
        stream.close()


def send(port, payload):
    """Sends all at once and reads to the end, or until the server is silent."""
    with connect(port) as stream:
        local, got, end = stream.getsockname()[1], b"", "closed"
        try:
            stream.sendall(payload + END)
            while data := stream.recv(65536):
                got += data
        except TimeoutError:
            end = "waits"
        except OSError:
            end = "reset"
    statuses = []
    for head in re.finditer(rb"HTTP/1\.[01] ([2-9]\d\d)[^\r\n]*\r\n((?:[^\r\n]+\r\n)*)", got):
        recorded = re.search(rb"(?im)^x-recorded:", head[2])
        statuses.append("ok" if recorded else head[1].decode())
    if got and not statuses:
        statuses.append("0.9")
    return Outcome(str(local), statuses, end)


def refusal(outcome):
    """Returns the status of an answer that the application has not given."""
    return next((status for status in outcome.statuses if status != "ok"), None)


def complete(requests):
    return any(request.target == "/end" for request in requests)


def compare(ours, our_outcome, theirs, their_outcome):
    """Returns a word, and whether it is within the law."""
    refused, they_refused = refusal(our_outcome), refusal(their_outcome)
    same = min(len(ours), len(theirs))
    if ours[:same] != theirs[:same]:
        return "other", False
    if they_refused or not theirs and their_outcome.end != "waits":
        return "refuses", bool(refused) or len(theirs) <= len(ours)
    if refused:
        return "accepts", len(ours) <= len(theirs)
    if len(ours) != len(theirs):
        return f"{len(theirs)} not {len(ours)}", False
    return "same", True


def show(requests, outcome):
    listed = [f"{request.method} {request.target} {bytes.fromhex(request.body)!r}" for request in requests]
    return f"{listed}, {refusal(outcome) or outcome.end}"


def main():
    recorder, verbose = sys.argv[1], "--verbose" in sys.argv
    payloads = {f"{noun}: {name}": data for noun, rows in PAYLOADS.items() for name, data in rows.items()}
    script = [sys.executable, os.path.join(HERE, "server.py")]
    folder, running = tempfile.mkdtemp(), []

    def start(make, *arguments, **options):
        made = make(*arguments, **options)
        running.append(made[0] if isinstance(made, tuple) else made)
        return made

    try:
        direct = {
            "anyloop": start(Server, recorder, "--port", "0"),
            "h11": start(Server, *script, "h11"),
            "aiohttp": start(Server, *script, "aiohttp"),
            "aiohttp-py": start(Server, *script, "aiohttp", AIOHTTP_NO_EXTENSIONS="1"),
        }
        plain, behind = start(Server, *script, "plain"), start(Server, recorder, "--port", "0")
        behind_haproxy = start(Server, recorder, "--port", "0")
        plain_haproxy = start(Server, *script, "plain")
        by_nginx, nginx_ports = start(nginx, folder, {"plain": plain.port, "anyloop": behind.port})
        by_haproxy, haproxy_ports = start(haproxy, folder, {"plain": plain_haproxy.port, "anyloop": behind_haproxy.port})
        targets = {name: server.port for name, server in direct.items()}
        targets |= {f"nginx {name}": port for name, port in nginx_ports.items()}
        targets |= {f"haproxy {name}": port for name, port in haproxy_ports.items()}
        with concurrent.futures.ThreadPoolExecutor(CLIENTS) as pool:
            sent = {(target, name): pool.submit(send, port, data)
                    for name, data in payloads.items() for target, port in targets.items()}
            outcomes = {key: future.result() for key, future in sent.items()}
    finally:
        for server in reversed(running):
            server.stop()
    answered = {**{("nginx", *key): count for key, count in by_nginx.answered().items()},
                **{("haproxy", *key): count for key, count in by_haproxy.answered().items()}}
    shutil.rmtree(folder)

    seen = {name: server.requests() for name, server in direct.items()}
    proxied = {"nginx": (plain.requests(), behind.requests()),
               "haproxy": (plain_haproxy.requests(), behind_haproxy.requests())}
    faults, explained, counts = [], [], collections.Counter()

    def of(target, name):
        outcome = outcomes[target, name]
        proxy, _, backend = target.partition(" ")
        if not backend:
            return seen[target][outcome.port], outcome
        return proxied[proxy][backend.endswith("anyloop")]["+" + outcome.port], outcome

    peers = ["h11", "aiohttp", "aiohttp-py", "nginx buffered-plain", "nginx streamed-plain", "haproxy plain"]
    titles = ["h11", "aiohttp", "aio-py", "nginx", "nginx-str", "haproxy"]
    chains = {"nginx": ("buffered-anyloop", "streamed-anyloop"), "haproxy": ("anyloop",)}
    print(f"{'payload':44} {'anyloop':10} " + " ".join(f"{title:10}" for title in titles))
    for name in payloads:
        ours, outcome = of("anyloop", name)
        words = []
        mine = refusal(outcome) or f"{len(ours)} {outcome.end}"
        counts["refused" if refusal(outcome) else "accepted"] += 1
        if outcome.end == "reset" or outcome.end == "closed" and not outcome.statuses:
            faults.append(f"{name}: anyloop ends without an answer: {outcome}")
        if len(ours) != outcome.statuses.count("ok"):
            faults.append(f"{name}: anyloop called its handler {len(ours)} times and answered {outcome.statuses}")
        for peer, title in zip(peers, titles):
            theirs, their_outcome = of(peer, name)
            if "500" in their_outcome.statuses and title != "haproxy":
                faults.append(f"{name}: {title} fails: {their_outcome}")
            word, lawful = compare(ours, outcome, theirs, their_outcome)
            if not lawful and (name, title) in KNOWN:
                explained.append((name, title))
                word = f"({word})"
            elif not lawful:
                word = f"!{word}"
                faults.append(f"{name}: anyloop {show(ours, outcome)}\n    {title} {show(theirs, their_outcome)}")
            words.append(word)
            counts[title, word if word in ("same", "accepts", "refuses") else "explained" if lawful or word[0] == "(" else "differs"] += 1
        for proxy, listeners in chains.items():
            for listener in listeners:
                chain, chain_outcome = of(f"{proxy} {listener}", name)
                said = answered.get((proxy, listener, chain_outcome.port), 0)
                before, _ = of(f"{proxy} {listener.replace('anyloop', 'plain')}", name)
                missing, rest = 0, list(chain)
                for request in before:
                    if rest and request == rest[0]:
                        rest.pop(0)
                    else:
                        missing += 1
                refused = sum(status != "ok" for status in chain_outcome.statuses)
                if said != len(chain) or rest or missing > refused:
                    faults.append(f"{name}: behind {proxy} {listener}, which sent {said}, anyloop saw "
                                  f"{show(chain, chain_outcome)} of {before}")
                counts["chain"] += 1
        if verbose or not all(word in ("same", "refuses") for word in words):
            print(f"{name:44} {mine:10} " + " ".join(f"{word:10}" for word in words))
    for proxy, (_, requests) in proxied.items():
        for client in requests:
            if not client.startswith("+"):
                faults.append(f"behind {proxy}: requests that it did not send: {requests[client]}")

    print(f"\n{len(payloads)} payloads: {counts['refused']} refused, {counts['accepted']} accepted; "
          f"{counts['chain']} conversations through a proxy")
    for title in titles:
        words = ("same", "accepts", "refuses", "explained", "differs")
        print(f"{title:10} " + ", ".join(f"{counts[title, word]} {word}" for word in words))
    for row in explained:
        print(f"explained  {row[0]}, {row[1]}: {KNOWN[row]}")
    for row in KNOWN.keys() - set(explained):
        print(f"not needed {row[0]}, {row[1]}")
    for fault in faults:
        print(f"error: {fault}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""Measures anyloop beside its peers over loopback, and writes the report. See README.md.

Servers and load have cores of their own; windows of all servers are interleaved; CPU time comes from the system. What is
measured is kept, a file for each workload, so that a run that ends early loses one at most.
"""

import argparse
import datetime
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass

import machine
import measure
import report
from servers import BY_KEY, MIB, SERVERS, Failed, Running
from workloads import MAIN, PATTERN, TLS, WORKLOADS

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
PEERS = os.path.join(ROOT, "benches", "peers")
#: Descriptors for 10,000 connections and what a server has besides.
FILES = 16000
#: A server that fails so often in one workload is left out of the rest of it.
FAILURES = 3
#: What openssl is to certify.
CERTIFICATE = """
[req]
distinguished_name = name
x509_extensions = extensions
prompt = no
[name]
CN = localhost
[extensions]
subjectAltName = IP:127.0.0.1, DNS:localhost
basicConstraints = critical, CA:FALSE
"""


@dataclass
class Programs:
    anyloop: str
    peers: str
    handshakes: str
    nginx: str
    files: str
    certificate: str
    key: str


def build(arguments, name):
    """Builds with the toolchain of the peers, and returns where the program is."""
    command = ["cargo", "build", "--release", "--message-format=json-render-diagnostics", *arguments]
    done = subprocess.run(command, cwd=PEERS, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        sys.exit(f"{name} does not build")
    for line in done.stdout.splitlines():
        message = json.loads(line)
        if message.get("executable") and message["target"]["name"] == name:
            return message["executable"]
    sys.exit(f"cargo built no {name}")


def programs(folder, secure):
    manifest = os.path.join(ROOT, "Cargo.toml")
    anyloop = build(["--locked", "--manifest-path", manifest, "-p", "anyloop-cli", "--all-features"], "anyloop")
    # nginx generates nothing, and takes its answers of 1 MiB from a file as well.
    files = os.path.join(folder, "files")
    os.mkdir(files)
    os.mkdir(os.path.join(files, "bytes"))
    for name in ("index-1MiB", f"bytes/{MIB}"):
        with open(os.path.join(files, name), "wb") as file:
            file.write(PATTERN * (MIB // 256))
    # Not with --locked: what anyloop depends on is in that lock file as well, and may have changed since.
    peers, handshakes = build([], "peers"), build([], "handshakes")
    certificate, key = make_certificate(folder) if secure else ("", "")
    return Programs(anyloop, peers, handshakes, shutil.which("nginx") or "", files, certificate, key)


def make_certificate(folder):
    """The certificate of all servers, good for a day."""
    mine, theirs = (machine.version(os.path.join(path, "Cargo.lock"), "rustls") for path in (ROOT, PEERS))
    if mine != theirs:
        sys.exit(f"anyloop has rustls {mine}, its peers have {theirs}")
    certificate, key, config = (os.path.join(folder, name) for name in ("cert.pem", "key.pem", "openssl.conf"))
    with open(config, "w") as file:
        file.write(CERTIFICATE)
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1"]
    command += ["-config", config, "-keyout", key, "-out", certificate]
    try:
        done = subprocess.run(command, capture_output=True, text=True)
    except FileNotFoundError:
        sys.exit("there is no openssl, which makes the certificate")
    if done.returncode:
        sys.exit(f"openssl made no certificate: {done.stderr}")
    return certificate, key


def cores(text):
    return frozenset(int(core) for core in text.split(","))


def arguments():
    # The cores are halved: a worker for each core of the one half, a thread of wrk for each of the other.
    all_cores = sorted(os.sched_getaffinity(0))
    half = len(all_cores) // 2
    halves = [",".join(map(str, part)) for part in (all_cores[:half], all_cores[half:])]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--servers", help="only these, by comma: " + ", ".join(BY_KEY))
    parser.add_argument("--workloads", help="only these, by comma, or `main`, or `tls`: " + ", ".join(WORKLOADS))
    parser.add_argument("--windows", type=int, default=10, help="good windows of each server in each workload [10]")
    parser.add_argument("--seconds", type=int, default=1, help="length of a window [1]")
    parser.add_argument("--quick", action="store_true", help="3 windows")
    parser.add_argument("--resume", action="store_true", help="keep what an earlier run has measured")
    parser.add_argument("--report", action="store_true", help="measure nothing, write the report")
    parser.add_argument("--foreign", type=float, default=measure.FOREIGN, help="share of CPU that others may have [0.05]")
    parser.add_argument("--server-cores", type=cores, default=cores(halves[0]), help=f"[{halves[0]}]")
    parser.add_argument("--load-cores", type=cores, default=cores(halves[1]), help=f"[{halves[1]}]")
    parser.add_argument("--state", default=os.path.join(HERE, "state"), help="where measurements are kept")
    parser.add_argument("--out", default=os.path.join(ROOT, "benches"), help="where RESULTS.md, RESULTS-tls.md and results/ go")
    options = parser.parse_args()
    if options.quick:
        options.windows = min(options.windows, 3)
    options.servers = pick(options.servers, BY_KEY, [server.key for server in SERVERS])
    groups = {"main": MAIN, "tls": TLS}
    chosen = [workload.key for workload in groups.get(options.workloads, [])]
    options.workloads = chosen or pick(options.workloads, WORKLOADS, list(WORKLOADS))
    return options


def pick(text, known, default):
    if not text:
        return default
    names = text.split(",")
    for name in names:
        if name not in known:
            sys.exit(f"there is no {name}; there are {', '.join(known)}")
    return names


class Session:
    """One workload on some servers."""

    def __init__(self, workload, options, made):
        self.workload, self.options, self.made = workload, options, made
        server_cores = frozenset(sorted(options.server_cores)[: workload.workers])
        self.cores = measure.Cores(server_cores, options.load_cores)
        self.servers = [BY_KEY[key] for key in options.servers if workload.takes(BY_KEY[key])]
        if not made.nginx:
            self.servers = [server for server in self.servers if not server.sendfile]
        self.wanted = windows(workload, options)
        self.windows = {server.key: [] for server in self.servers}
        self.failed = {}
        self.running = {}

    def start(self, server):
        threads = min(self.workload.workers, len(self.cores.server))
        return Running(server, self.made, self.cores.server, threads, self.workload.routes)

    def run(self, save):
        try:
            for server in list(self.servers):
                self.begin(server)
            # Windows that are dropped are made up for, within reason.
            for number in range(self.wanted + (self.wanted + 1) // 2):
                missing = [server for server in self.servers if self.good(server.key) < self.wanted]
                if not missing:
                    break
                # Each is compared with the baseline of its own round.
                self.round(number, missing + [s for s in self.servers if s.key == self.workload.baseline and s not in missing])
                save(self.result())
        finally:
            for running in self.running.values():
                running.stop()

    def begin(self, server):
        try:
            running = self.start(server)
        except Failed as failure:
            return self.leave_out(server, failure)
        try:
            self.workload.check(running)
        except (Failed, OSError, ValueError) as failure:
            running.stop()
            return self.leave_out(server, failure)
        if self.workload.fresh:
            running.stop()
        else:
            self.running[server.key] = running
        return None

    def leave_out(self, server, failure):
        print(f"    {server.key} is left out: {failure}", flush=True)
        self.failed[server.key] = str(failure)
        self.servers.remove(server)

    def good(self, key):
        return sum(window["good"] for window in self.windows[key])

    def round(self, number, servers):
        random.Random(f"{self.workload.key} {number}").shuffle(servers)
        for server in servers:
            try:
                if self.workload.fresh:
                    with self.start(server) as running:
                        seen = self.workload.window(running, self.cores, self.options)
                else:
                    seen = self.workload.window(self.running[server.key], self.cores, self.options)
            except (Failed, OSError) as failure:
                print(f"    {server.key}: {failure}", flush=True)
                seen = {"failure": str(failure), "foreign": 0.0, "steal": 0.0}
            seen["round"] = number
            quiet = not self.workload.timed or max(seen["foreign"], seen["steal"]) <= self.options.foreign
            seen["good"] = quiet and "failure" not in seen
            self.windows[server.key].append(seen)
            if sum("failure" in window for window in self.windows[server.key]) >= FAILURES:
                self.leave_out(server, seen["failure"])

    def result(self):
        return {
            "workload": self.workload.key,
            "when": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
            "seconds": self.options.seconds,
            "foreign": self.options.foreign,
            "cores": {"server": sorted(self.cores.server), "load": sorted(self.cores.load)},
            "machine": machine.describe(ROOT, PEERS),
            "failed": self.failed,
            "windows": self.windows,
        }


def save(folder, result):
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, result["workload"] + ".json")
    with open(path + ".part", "w") as file:
        json.dump(result, file, indent=1)
    os.replace(path + ".part", path)


def load(folder):
    """The measurements that there are, in the order of the workloads."""
    found = {}
    for key in WORKLOADS:
        path = os.path.join(folder, key + ".json")
        if os.path.exists(path):
            with open(path) as file:
                found[key] = json.load(file)
    return found


def whole(result, workload, options):
    """Whether an earlier run has measured as much as is wanted, of the same code."""
    if result["machine"] != machine.describe(ROOT, PEERS):
        return False
    wanted = windows(workload, options)
    keys = [key for key in options.servers if workload.takes(BY_KEY[key]) and key not in result["failed"]]
    return all(sum(window["good"] for window in result["windows"].get(key, [])) >= wanted for key in keys)


def main():
    options = arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by a signal"))
    if not options.report:
        if not shutil.which("wrk"):
            sys.exit("there is no wrk")
        limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
        if limit < FILES:
            print(f"only {limit} descriptors: what has 10,000 connections will fail; raise `ulimit -Hn` to {FILES}")
        with tempfile.TemporaryDirectory(prefix="anyloop-load-") as folder:
            run(options, programs(folder, any(WORKLOADS[key].secure for key in options.workloads)))
    report.write(options.out, load(options.state))


def estimate(options):
    """How many seconds a run takes if no window is dropped."""
    total = 0.0
    for workload in (WORKLOADS[key] for key in options.workloads):
        servers = sum(workload.takes(BY_KEY[key]) for key in options.servers)
        total += servers * windows(workload, options) * (duration(workload) * options.seconds + 0.2) + 5
    return total


def duration(workload):
    """About how many times as long as a common window one of this workload takes."""
    return 3 if workload.measure is measure.idle else workload.load.get("seconds", 1)


def windows(workload, options):
    """How many good windows each server shall have."""
    return max(1, round(options.windows * workload.share))


def run(options, made):
    os.sched_setaffinity(0, options.load_cores)
    kept = load(options.state) if options.resume else {}
    print(f"about {estimate(options) / 60:.0f} minutes where the machine is quiet", flush=True)
    for key in options.workloads:
        workload = WORKLOADS[key]
        if key in kept and whole(kept[key], workload, options):
            print(f"{key}: kept", flush=True)
            continue
        start = time.monotonic()
        session = Session(workload, options, made)
        print(f"{key}: {len(session.servers)} servers, {session.wanted} windows each", flush=True)
        session.run(lambda result: save(options.state, result))
        result = session.result()
        save(options.state, result)
        for line in report.lines(result):
            print("    " + line)
        print(f"    {time.monotonic() - start:.0f} s", flush=True)


if __name__ == "__main__":
    main()

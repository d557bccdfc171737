"""What a figure depends on: the machine and the versions. No names of hosts, users or folders."""

import functools
import os
import re
import shutil
import subprocess

#: Whose versions are told, as the lock file of the peers has them.
PEERS = "tokio smol async-std hyper axum tower-http actix-web ntex trillium may_minihttp rustls tokio-rustls ring".split()


def said(*command, cwd=None):
    """What a program says, on either stream."""
    if not shutil.which(command[0]):
        return ""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=cwd, check=False)
    return done.stdout.strip()


def first(pattern, text):
    match = re.search(pattern, text)
    return match[1].strip() if match else "unknown"


def version(lock, name):
    """The version of a package in a lock file; of one that is there twice, the newest, which is the one of the manifest."""
    with open(lock) as file:
        found = re.findall(rf'name = "{name}"\nversion = "(.*)"', file.read())
    return found[-1] if found else ""


@functools.cache
def describe(root, peers):
    with open("/proc/cpuinfo") as file:
        cpuinfo = file.read()
    with open("/proc/meminfo") as file:
        memory = int(first(r"MemTotal:\s*(\d+)", file.read())) / (1 << 20)
    lock = os.path.join(peers, "Cargo.lock")
    return {
        "cpu": first(r"model name\s*:\s*(.*)", cpuinfo),
        "cores": os.cpu_count(),
        "memory": f"{memory:.0f} GiB",
        "virtual": "hypervisor" in first(r"flags\s*:\s*(.*)", cpuinfo).split(),
        "kernel": os.uname().release,
        "rustc": first(r"rustc (\S+)", said("rustc", "--version", cwd=peers)),
        "wrk": first(r"wrk (?:debian/)?(\S+)", said("wrk", "--version")),
        "nginx": first(r"nginx/(\S+)", said("nginx", "-v")),
        "openssl": first(r"OpenSSL (\S+)", said("openssl", "version")),
        "versions": {name: found for name in PEERS if (found := version(lock, name))},
        "commit": said("git", "rev-parse", "--short=10", "HEAD", cwd=root),
    }

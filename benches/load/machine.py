"""What a figure depends on: the machine and the versions. No names of hosts, users or folders."""

import functools
import os
import re
import shutil
import subprocess

#: Whose versions are told, as the lock file of the peers has them.
PEERS = "tokio smol async-std hyper axum tower-http actix-web ntex trillium may_minihttp".split()


def said(*command, cwd=None):
    """What a program says, on either stream."""
    if not shutil.which(command[0]):
        return ""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=cwd, check=False)
    return done.stdout.strip()


def first(pattern, text):
    match = re.search(pattern, text)
    return match[1].strip() if match else "unknown"


@functools.cache
def describe(root, peers):
    with open("/proc/cpuinfo") as file:
        cpuinfo = file.read()
    with open("/proc/meminfo") as file:
        memory = int(first(r"MemTotal:\s*(\d+)", file.read())) / (1 << 20)
    with open(os.path.join(peers, "Cargo.lock")) as file:
        lock = file.read()
    # Of those that are there twice, the newest is the one of the manifest.
    versions = {name: re.findall(rf'name = "{name}"\nversion = "(.*)"', lock)[-1:] for name in PEERS}
    return {
        "cpu": first(r"model name\s*:\s*(.*)", cpuinfo),
        "cores": os.cpu_count(),
        "memory": f"{memory:.0f} GiB",
        "virtual": "hypervisor" in first(r"flags\s*:\s*(.*)", cpuinfo).split(),
        "kernel": os.uname().release,
        "rustc": first(r"rustc (\S+)", said("rustc", "--version", cwd=peers)),
        "wrk": first(r"wrk (?:debian/)?(\S+)", said("wrk", "--version")),
        "nginx": first(r"nginx/(\S+)", said("nginx", "-v")),
        "versions": {name: found[0] for name, found in versions.items() if found},
        "commit": said("git", "rev-parse", "--short=10", "HEAD", cwd=root),
    }

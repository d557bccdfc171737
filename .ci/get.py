"""`anyloop get` against servers that others wrote: Python's http.server, and nginx where it is installed.

Usage: get.py PROGRAM BACKEND…
"""

import contextlib
import functools
import hashlib
import http.server
import os
import pathlib
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time

FILES = 300
LARGE = 3_000_000
CUT = 1_000_000

NGINX = """
daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log;
events {{ worker_connections 256; }}
http {{
  access_log off; keepalive_requests 7; gzip on; gzip_min_length 0; gzip_types *; gzip_proxied any;
  client_body_temp_path {folder}/t1; proxy_temp_path {folder}/t2; fastcgi_temp_path {folder}/t3;
  uwsgi_temp_path {folder}/t4; scgi_temp_path {folder}/t5;
  server {{
    listen 127.0.0.1:{port};
    root {root};
    location /dated/ {{ alias {root}/; etag off; }}
    location /moved {{ return 302 /large; }}
    location /method {{ return 200 "$request_method $content_type"; }}
  }}
}}
"""


def check(name, got, expected):
    if got != expected:
        sys.exit(f"{name}: {got!r} instead of {expected!r}")
    print(f"ok {name}")


def free_port():
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return held.getsockname()[1]


def serve(handler):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    # Clients that go are not worth a report.
    server.handle_error = lambda *_: None
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_address[1]


class Quiet(http.server.SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass


class CuttingProxy(http.server.BaseHTTPRequestHandler):
    """Relays the first bytes of an answer."""

    def do_GET(self):
        host, port = self.headers["Host"].split(":")
        target = self.path.removeprefix(f"http://{host}:{port}")
        fields = "".join(f"{name}: {value}\r\n" for name, value in self.headers.items())
        head = f"GET {target} HTTP/1.1\r\n{fields}\r\n"
        with socket.create_connection((host, int(port)), timeout=20) as server:
            server.sendall(head.encode())
            left = CUT
            while left and (block := server.recv(min(left, 65536))):
                self.wfile.write(block)
                left -= len(block)
        self.close_connection = True

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def nginx(root, folder):
    port = free_port()
    pathlib.Path(folder, "conf").write_text(NGINX.format(folder=folder, root=root, port=port))
    server = subprocess.Popen(["nginx", "-p", folder, "-e", f"{folder}/error.log", "-c", f"{folder}/conf"])
    try:
        for _ in range(100):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                break
            time.sleep(0.05)
        yield port
    finally:
        server.terminate()
        server.wait()


class Getter:
    def __init__(self, program, backend, proxy):
        self.command = [program, "get", "--backend", backend]
        self.proxy = f"http://127.0.0.1:{proxy}"
        self.environment = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}

    def run(self, *args, folder=None, proxied=False):
        environment = self.environment | ({"http_proxy": self.proxy} if proxied else {})
        done = subprocess.run(
            [*self.command, *args], cwd=folder, env=environment, capture_output=True, timeout=60, stdin=subprocess.DEVNULL
        )
        return done.returncode, done.stdout, done.stderr.decode()


def with_server(name, get, url, sums, resumes):
    large = sums["large"]
    code, body, head = get.run(f"{url}/large")
    check(f"{name} single", (code, hashlib.sha256(body).hexdigest(), head.split("\n")[0]), (0, large, "HTTP/1.1 200 OK"))
    code, _, errors = get.run("-q", f"{url}/none")
    check(f"{name} missing", (code, errors), (1, f"anyloop: {url}/none: the server refused: 404 Not Found\n"))
    with tempfile.TemporaryDirectory() as folder:
        lines = "".join(f"{url}/{file} sha256:{digest}\n" for file, digest in sums.items())
        pathlib.Path(folder, "list").write_text(lines)
        done = get.run("--list", "list", "-c", "16", folder=folder)
        check(f"{name} list", done, (0, f"Downloaded: {len(sums)}\n".encode(), ""))
        check(f"{name} files", len(os.listdir(folder)), len(sums) + 1)
    for path, again in resumes:
        with tempfile.TemporaryDirectory() as folder:
            code, _, _ = get.run("-o", "file", f"{url}{path}", folder=folder, proxied=True)
            held = os.path.getsize(f"{folder}/file.part")
            check(f"{name} {path} cut", (code, 0 < held < LARGE), (1, True))
            code, _, head = get.run("-o", "file", f"{url}{path}", folder=folder)
            digest = hashlib.sha256(pathlib.Path(folder, "file").read_bytes()).hexdigest()
            check(f"{name} {path} resumed", (code, head.split(" ")[1], digest), (0, again, large))
            check(f"{name} {path} nothing left over", os.listdir(folder), ["file"])


def main(program, backends):
    # A name of a command is not one of a file.
    program = os.path.abspath(program)
    source = random.Random(1)
    with tempfile.TemporaryDirectory() as root, tempfile.TemporaryDirectory() as folder:
        os.chmod(root, 0o755)
        sums = {}
        for name, length in [(f"f{number}", number * 97) for number in range(FILES)] + [("large", LARGE)]:
            content = source.randbytes(length)
            path = pathlib.Path(root, name)
            path.write_bytes(content)
            os.utime(path, (1_700_000_000, 1_700_000_000))
            sums[name] = hashlib.sha256(content).hexdigest()
        python = f"http://127.0.0.1:{serve(functools.partial(Quiet, directory=root))}"
        proxy = serve(CuttingProxy)
        for backend in backends:
            get = Getter(program, backend, proxy)
            with_server(f"{backend} http.server", get, python, sums, [("/large", "200")])
        if not shutil.which("nginx"):
            print("no nginx")
            return
        with nginx(root, folder) as port:
            url = f"http://127.0.0.1:{port}"
            for backend in backends:
                get = Getter(program, backend, proxy)
                with_server(f"{backend} nginx", get, url, sums, [("/large", "206"), ("/dated/large", "206")])
                code, body, _ = get.run("-q", f"{url}/moved")
                check(f"{backend} nginx redirect", (code, len(body)), (0, LARGE))
                check(f"{backend} nginx method", get.run("-q", f"{url}/method", "a=b")[1], b"POST application/json")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])

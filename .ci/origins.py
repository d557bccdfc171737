"""Downloads of the program from servers that no one here wrote, on each backend. Usage: origins.py PROGRAM BACKEND…

nginx (whole files, few requests a connection, gzip in chunks, ranges; 2,000 files, 1,000 at a time), http.server as HTTP/1.0 and 1.1,
h11 and aiohttp (with lengths and in chunks). Every file has a checksum, which the program compares. Servers that cannot be had
are named.
"""

import asyncio
import contextlib
import hashlib
import http.server
import importlib.util
import os
import random
import resource
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time

SIZES = [0, 1, 1000, 65535, 65536, 65537, 1 << 20, (3 << 20) + 7]
MANY = 2000
# As many at a time as the program takes.
AT_ONCE = 1000


def make_files(folder):
    """Bytes that cannot be compressed, and text that can; by name."""
    random.seed(7)
    files = {f"{size}.bin": random.randbytes(size) for size in SIZES}
    files |= {f"{size}.txt": (b"a line of text that repeats\n" * (size // 28 + 1))[:size] for size in SIZES}
    files |= {f"many{n}": b"%d\n" % n * (n % 97 + 1) for n in range(MANY)}
    for name, data in files.items():
        with open(f"{folder}/{name}", "wb") as file:
            file.write(data)
    return files


def free_ports(count):
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [one.getsockname()[1] for one in sockets]


def wait_for(port):
    for _ in range(100):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return
        time.sleep(0.05)
    sys.exit(f"error: nothing listens on port {port}")


@contextlib.contextmanager
def nginx(folder, root):
    kinds = {"nginx": "keepalive_requests 100000;", "nginx, 3 requests a connection": "keepalive_requests 3;",
             "nginx, gzip": "gzip on; gzip_types *; gzip_min_length 1;"}
    ports = dict(zip(kinds, free_ports(len(kinds))))
    servers = "".join(f"server {{ listen 127.0.0.1:{ports[kind]} backlog=4096; root {root}; {more} }}\n"
                      for kind, more in kinds.items())
    temporary = "".join(
        f"{kind}_temp_path {folder}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    with open(f"{folder}/nginx.conf", "w") as file:
        file.write(f"""daemon off; worker_processes 1; worker_rlimit_nofile 8192; pid {folder}/nginx.pid;
            {"user root;" if os.geteuid() == 0 else ""} error_log {folder}/nginx-error.log;
            events {{ worker_connections 4096; }}
            http {{ {temporary} access_log off; sendfile on; default_type application/octet-stream; {servers} }}""")
    log = f"{folder}/nginx-error.log"
    server = subprocess.Popen(["nginx", "-p", folder, "-e", log, "-c", f"{folder}/nginx.conf"])
    try:
        for port in ports.values():
            wait_for(port)
        yield ports
    finally:
        server.terminate()
        server.wait()


def http_server(root, version):
    class Handler(http.server.SimpleHTTPRequestHandler):
        protocol_version = version

        def __init__(self, *args):
            super().__init__(*args, directory=root)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_port


def in_thread(start):
    """Runs an asyncio server in a thread of its own; `start` gives its port."""
    port, told = [], threading.Event()

    async def main():
        port.append(await start())
        told.set()
        await asyncio.Event().wait()

    threading.Thread(target=asyncio.run, args=(main(),), daemon=True).start()
    if not told.wait(10):
        sys.exit("error: a server does not start")
    return port[0]


def framing(data, chunked):
    return [("Transfer-Encoding", "chunked")] if chunked else [("Content-Length", str(len(data)))]


def h11_server(files, chunked):
    import h11

    async def serve(reader, writer):
        connection = h11.Connection(our_role=h11.SERVER)

        async def event():
            while (found := connection.next_event()) is h11.NEED_DATA:
                connection.receive_data(await reader.read(65536))
            return found

        with contextlib.suppress(OSError):
            while isinstance(request := await event(), h11.Request):
                while not isinstance(await event(), h11.EndOfMessage):
                    pass
                data = files[request.target.decode().lstrip("/")]
                parts = [h11.Response(status_code=200, headers=framing(data, chunked))]
                parts += [h11.Data(data[at:at + 50000]) for at in range(0, len(data), 50000)]
                for part in [*parts, h11.EndOfMessage()]:
                    writer.write(connection.send(part))
                    await writer.drain()
                connection.start_next_cycle()
            writer.close()

    async def start():
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        return server.sockets[0].getsockname()[1]

    return in_thread(start)


def aiohttp_server(files, chunked):
    from aiohttp import web

    async def answer(request):
        data = files[request.match_info["name"]]
        if not chunked:
            return web.Response(body=data)
        response = web.StreamResponse()
        response.enable_chunked_encoding()
        await response.prepare(request)
        for at in range(0, len(data), 50000):
            await response.write(data[at:at + 50000])
        await response.write_eof()
        return response

    async def start():
        app = web.Application()
        app.router.add_get("/{name}", answer)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        return runner.addresses[0][1]

    return in_thread(start)


def download(program, backend, what, port, files, at_once):
    """Fails unless each file comes as it is; the sums are compared by the program, and once more here."""
    urls = "".join(f"http://127.0.0.1:{port}/{name} sha256:{hashlib.sha256(data).hexdigest()}\n"
                   for name, data in files.items())
    with tempfile.TemporaryDirectory() as folder:
        command = [program, "get", "--backend", backend, "--list", "-", "-c", str(at_once)]
        began = time.monotonic()
        run = subprocess.run(command, cwd=folder, input=urls, capture_output=True, text=True, timeout=120)
        took = time.monotonic() - began
        wrong = [name for name, data in files.items() if not is_file(f"{folder}/{name}", data)]
    if run.returncode != 0 or wrong:
        sys.exit(f"error: {what} on {backend}: code {run.returncode}, wrong: {wrong[:5]}\n{run.stderr[-2000:]}")
    print(f"ok {backend}: {what}, {len(files)} files, {at_once} at once, {took:.1f}s", flush=True)


def is_file(path, data):
    with contextlib.suppress(OSError), open(path, "rb") as file:
        return file.read() == data
    return False


def ranges(program, backend, port, files):
    name = "65537.bin"
    for said, part in [("0-0", slice(0, 1)), ("5-14", slice(5, 15)), ("65530-", slice(65530, None)), ("-3", slice(-3, None))]:
        command = [program, "get", "-q", "--backend", backend, f"http://127.0.0.1:{port}/{name}", f"Range:bytes={said}"]
        got = subprocess.run(command, capture_output=True, timeout=60)
        if got.returncode != 0 or got.stdout != files[name][part]:
            sys.exit(f"error: range {said} on {backend}: {got}")
    print(f"ok {backend}: ranges of nginx", flush=True)


def main():
    program, *backends = sys.argv[1:]
    program = os.path.abspath(program)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(max(soft, 8192), hard), hard))
    with contextlib.ExitStack() as stack:
        folder, root = (stack.enter_context(tempfile.TemporaryDirectory()) for _ in range(2))
        os.chmod(root, 0o755)
        files = make_files(root)
        few = {name: data for name, data in files.items() if not name.startswith("many")}
        some = few | {f"many{n}": files[f"many{n}"] for n in range(100)}
        origins = {f"http.server, {version}": http_server(root, version) for version in ("HTTP/1.0", "HTTP/1.1")}
        for name, make in (("h11", h11_server), ("aiohttp", aiohttp_server)):
            if importlib.util.find_spec(name):
                origins |= {name: make(files, False), f"{name}, chunks": make(files, True)}
            else:
                print(f"NOT RUN: no {name}")
        by_nginx = {}
        if shutil.which("nginx"):
            by_nginx = stack.enter_context(nginx(folder, root))
            origins |= by_nginx
        else:
            print("NOT RUN: no nginx")
        for backend in backends:
            for what, port in origins.items():
                download(program, backend, what, port, some, 8)
            if by_nginx:
                ranges(program, backend, by_nginx["nginx"], files)
                many = {name: data for name, data in files.items() if name.startswith("many")}
                download(program, backend, "nginx", by_nginx["nginx"], many, AT_ONCE)


main()

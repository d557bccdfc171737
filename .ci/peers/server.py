"""Servers that print each request that came whole, as `examples/recorder.rs` does. Usage: server.py h11|aiohttp|plain

`plain` believes what it reads and parses as little as possible: it stands behind proxies and shows what they send.
"""

import asyncio
import logging
import socketserver
import sys
import threading

LOCK = threading.Lock()


def record(peer, method, target, fields, body):
    """Prints the line. Fields are pairs of bytes."""
    fields = {name.lower(): value for name, value in fields}
    client = fields.get(b"x-client")
    words = [
        "+" + client.decode("latin-1") if client else str(peer),
        *(word.decode("latin-1").replace("\t", "\\t") for word in (method, target, fields.get(b"host", b""))),
        body.hex(),
    ]
    with LOCK:
        print("\t".join(words), flush=True)


def status(method):
    return (405, "Method Not Allowed") if method == b"CONNECT" else (200, "OK")


async def with_h11(reader, writer):
    import h11

    connection = h11.Connection(our_role=h11.SERVER)
    peer = writer.get_extra_info("peername")[1]

    async def event():
        while (found := connection.next_event()) is h11.NEED_DATA:
            connection.receive_data(await reader.read(65536))
        return found

    def answer(code, reason, *fields):
        head = h11.Response(status_code=code, reason=reason, headers=[("content-length", "0"), *fields])
        for part in (head, h11.EndOfMessage()):
            writer.write(connection.send(part))

    async def serve():
        while isinstance(request := await event(), h11.Request):
            body = b""
            while isinstance(part := await event(), h11.Data):
                body += part.data
            record(peer, request.method, request.target, request.headers, body)
            answer(*status(request.method), ("x-recorded", "1"))
            if connection.our_state is h11.MUST_CLOSE:
                break
            connection.start_next_cycle()

    try:
        try:
            await serve()
        except h11.RemoteProtocolError as error:
            if connection.our_state in (h11.IDLE, h11.SEND_RESPONSE):
                answer(error.error_status_hint, "Refused", ("connection", "close"))
        # What was not read must not turn into a reset that takes the answer with it.
        writer.write_eof()
        while await reader.read(65536):
            pass
    except OSError:
        pass
    writer.close()


async def with_aiohttp():
    from aiohttp import web

    # It logs each refusal with its stack.
    logging.disable()

    async def handle(request):
        body = await request.read()
        record(request.transport.get_extra_info("peername")[1], request.method.encode(),
               request.raw_path.encode("utf-8", "surrogateescape"), request.raw_headers, body)
        code, reason = status(request.method.encode())
        return web.Response(status=code, reason=reason, headers={"X-Recorded": "1"})

    return await asyncio.get_running_loop().create_server(web.Server(handle, access_log=None), "127.0.0.1", 0)


async def serve(kind):
    server = await (with_aiohttp() if kind == "aiohttp" else asyncio.start_server(with_h11, "127.0.0.1", 0))
    print("listening on 127.0.0.1:%d" % server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


class Plain(socketserver.StreamRequestHandler):
    def handle(self):
        try:
            while self.exchange():
                pass
        except ConnectionError:
            pass

    def exchange(self):
        lines = []
        while (line := self.rfile.readline()) not in (b"", b"\r\n"):
            lines.append(line)
        if not line:
            return False
        method, target = lines[0].split(b" ")[:2]
        fields = [(name, value.strip()) for name, _, value in (line.partition(b":") for line in lines[1:])]
        lower = {name.lower(): value for name, value in fields}
        try:
            body = self.body(lower)
        except ValueError:
            record(self.client_address[1], method, target, fields, b"unreadable")
            return False
        if body is None:
            return False
        record(self.client_address[1], method, target, fields, body)
        self.wfile.write(b"HTTP/1.1 %d %s\r\nX-Recorded: 1\r\nContent-Length: 0\r\n\r\n" % (
            status(method)[0], status(method)[1].encode()))
        return lower.get(b"connection") != b"close"

    def body(self, fields):
        """Returns None for one that breaks off."""
        if b"transfer-encoding" not in fields:
            size = int(fields.get(b"content-length", b"0"))
            body = self.rfile.read(size)
            return body if len(body) == size else None
        body = b""
        while line := self.rfile.readline():
            if (size := int(line.partition(b";")[0], 16)) == 0:
                while (line := self.rfile.readline()) not in (b"", b"\r\n"):
                    pass
                return body if line else None
            data = self.rfile.read(size + 2)
            if len(data) < size + 2:
                return None
            if data[size:] != b"\r\n":
                raise ValueError(data)
            body += data[:size]
        return None


if __name__ == "__main__":
    if sys.argv[1] == "plain":
        socketserver.ThreadingTCPServer.request_queue_size = 128
        server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Plain)
        server.daemon_threads = True
        print("listening on 127.0.0.1:%d" % server.server_address[1], flush=True)
        server.serve_forever()
    else:
        asyncio.run(serve(sys.argv[1]))

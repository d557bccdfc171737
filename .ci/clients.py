"""Real Python clients against a running demo application: http.client, and h11 where it is installed.

Usage: clients.py HOST PORT
"""

import http.client
import json
import socket
import sys

ABOUT = b"<!DOCTYPE html><h3>About page</h3>"


def check(name, got, expected):
    if got != expected:
        sys.exit(f"{name}: {got!r} instead of {expected!r}")
    print(f"ok {name}")


def with_http_client(host, port):
    client = http.client.HTTPConnection(host, port, timeout=10)

    def ask(method, path, body=None, headers={}, **options):
        client.request(method, path, body, headers, **options)
        answer = client.getresponse()
        return answer.status, answer.read(), answer

    client.connect()
    kept = client.sock
    check("get", ask("GET", "/about")[:2], (200, ABOUT))
    status, body, answer = ask("HEAD", "/about")
    check("head", (status, body, answer.getheader("content-length")), (200, b"", str(len(ABOUT))))
    message = json.dumps({"message": "caf\u00e9"}, ensure_ascii=False).encode()
    status, body, _ = ask("POST", "/post-something", message, {"Content-Type": "application/json"})
    check("json", (status, json.loads(body)), (200, {"message": "caf\u00e9"}))
    pieces = [b"one,", b"two,", b"three"]
    check("chunked upload", ask("POST", "/echo", iter(pieces), encode_chunked=True)[:2], (200, b"".join(pieces)))
    check("chunked download", ask("GET", "/stream/1000")[1].count(b"\n"), 1000)
    check("large", len(ask("GET", "/bytes/1000000")[1]), 1000000)
    check("not found", ask("GET", "/nothing")[:2], (404, b"<!DOCTYPE html>Not found"))
    status, _, answer = ask("PUT", "/about", b"x")
    check("wrong method", (status, "GET" in answer.getheader("allow")), (405, True))
    check("one connection for all of it", client.sock is kept, True)
    client.close()


def with_h11(host, port):
    try:
        import h11
    except ImportError:
        print("no h11")
        return
    client = h11.Connection(our_role=h11.CLIENT)
    with socket.create_connection((host, port), timeout=10) as stream:

        def exchange(request, *data):
            for event in (request, *data, h11.EndOfMessage()):
                stream.sendall(client.send(event))
            status, body, end = None, b"", None
            while end is None:
                event = client.next_event()
                if event is h11.NEED_DATA:
                    client.receive_data(stream.recv(4096))
                elif isinstance(event, h11.InformationalResponse):
                    pass
                elif isinstance(event, h11.Response):
                    status = event.status_code
                elif isinstance(event, h11.Data):
                    body += event.data
                elif isinstance(event, h11.EndOfMessage):
                    end = event
                else:
                    sys.exit(f"h11: {event!r}")
            client.start_next_cycle()
            return status, body

        def request(method, target, *fields):
            return h11.Request(method=method, target=target, headers=[("Host", f"{host}:{port}"), *fields])

        check("h11 get", exchange(request("GET", "/about")), (200, ABOUT))
        chunked = request("POST", "/echo", ("Transfer-Encoding", "chunked"))
        check("h11 chunked", exchange(chunked, h11.Data(b"a" * 3), h11.Data(b"b" * 5000)), (200, b"aaa" + b"b" * 5000))
        message = b'{"message":"hi"}'
        fields = [("Content-Type", "application/json"), ("Content-Length", str(len(message)))]
        expect = request("POST", "/post-something", *fields, ("Expect", "100-continue"))
        check("h11 expect", exchange(expect, h11.Data(message)), (200, message))
        check("h11 head", exchange(request("HEAD", "/about")), (200, b""))
        check("h11 not found", exchange(request("GET", "/nothing"))[0], 404)


if __name__ == "__main__":
    with_http_client(sys.argv[1], int(sys.argv[2]))
    with_h11(sys.argv[1], int(sys.argv[2]))

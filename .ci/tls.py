"""Python's ssl against a running demo application over https. Usage: tls.py PORT AUTHORITY STRANGER [CERTIFICATE KEY].

AUTHORITY signed the server's certificate for localhost, STRANGER did not. With a certificate, the server is one that wants it.
"""

import socket
import ssl
import sys

PATIENCE = 20
REQUEST = b"GET /bytes/300000 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


def check(name, got, wanted):
    if got != wanted:
        sys.exit(f"python {name}: {got!r} instead of {wanted!r}")
    print(f"ok python {name}")


def context(authority, version=None, own=None):
    made = ssl.create_default_context(cafile=authority)
    made.set_alpn_protocols(["h2", "http/1.1"])
    if version:
        made.minimum_version = made.maximum_version = version
    if own:
        made.load_cert_chain(*own)
    return made


def ask(port, made, name="localhost", session=None):
    """The length of the body, and the connection. An end without close_notify is an error."""
    plain = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
    stream = made.wrap_socket(plain, server_hostname=name, session=session, suppress_ragged_eofs=False)
    stream.sendall(REQUEST)
    answer = bytearray()
    while part := stream.recv(65536):
        answer += part
    head, _, body = bytes(answer).partition(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 200 OK\r\n"):
        sys.exit(f"python: {head!r}")
    return len(body), stream


def refusal(port, *args, **options):
    try:
        return f"{ask(port, *args, **options)[0]} bytes"
    except ssl.SSLCertVerificationError as error:
        return error.verify_message
    except ssl.SSLError as error:
        return error.reason


def main(port, authority, stranger, *own):
    port = int(port)
    if own:
        check("with a certificate", ask(port, context(authority, own=own))[0], 300000)
        # In TLS 1.3 the client is done before the server refuses.
        check("without a certificate", refusal(port, context(authority)), "TLSV13_ALERT_CERTIFICATE_REQUIRED")
        return
    for version in [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]:
        made = context(authority, version)
        length, first = ask(port, made)
        check(f"{first.version()}, to its end", length, 300000)
        check(f"{first.version()} ALPN", first.selected_alpn_protocol(), "http/1.1")
        length, second = ask(port, made, session=first.session)
        check(f"{first.version()} resumes", (length, second.session_reused), (300000, True))
    wrong = "Hostname mismatch, certificate is not valid for 'other.name'."
    check("wrong name", refusal(port, context(authority), name="other.name"), wrong)
    check("unknown authority", refusal(port, context(stranger)), "unable to get local issuer certificate")


main(*sys.argv[1:])

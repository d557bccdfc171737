"""Headless Chromium on the page of a running demo application: forms, fetch and streams, as a user would.

Usage: browser.py URL [--authority FILE] [--peer FILE] [--screenshot FILE]. Over https, Chromium trusts the authority, or the
certificate of the peer alone, as users make it: by the database of NSS in their home, which needs certutil. No check of
Chromium is turned off. Speaks the DevTools protocol over a WebSocket written by hand.
"""

import argparse
import base64
import json
import os
import re
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

BROWSER = "chromium --headless --no-sandbox --disable-gpu --remote-debugging-port=0 --window-size=900,1500".split()
PATIENCE = 20


class Failed(Exception):
    """The browser refused a call."""


class Page:
    def __init__(self, port):
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/json", timeout=PATIENCE) as answer:
            pages = [page for page in json.load(answer) if page["type"] == "page"]
        path = pages[0]["webSocketDebuggerUrl"].split(str(port), 1)[1]
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
        self.socket.sendall(
            f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        self.input = self.socket.makefile("rb")
        while self.input.readline() != b"\r\n":
            pass
        self.calls = 0

    def call(self, method, **params):
        self.calls += 1
        text = json.dumps({"id": self.calls, "method": method, "params": params}).encode()
        # Masked, as a client must, with a mask of zeros.
        size = bytes([0x80 | len(text)]) if len(text) < 126 else b"\xfe" + struct.pack(">H", len(text))
        self.socket.sendall(b"\x81" + size + bytes(4) + text)
        while True:
            length = self.input.read(2)[1] & 127
            if length > 125:
                length = struct.unpack(*((">H", self.input.read(2)) if length == 126 else (">Q", self.input.read(8))))[0]
            answer = json.loads(self.input.read(length))
            if answer.get("id") == self.calls:
                if "result" not in answer:
                    raise Failed(answer)
                return answer["result"]

    def run(self, script):
        """Returns the value of a script; None while the page is on its way from one document to the next."""
        try:
            return self.call("Runtime.evaluate", expression=script, returnByValue=True)["result"].get("value")
        except Failed:
            return None

    def expect(self, name, script, wanted):
        """Waits until the script gives what is wanted: a value, or text that holds it."""
        end = time.monotonic() + PATIENCE
        while True:
            value = self.run(script)
            if value == wanted or isinstance(value, str) and wanted in value:
                print(f"ok chromium {name}")
                return
            if time.monotonic() > end:
                sys.exit(f"chromium {name}: {value!r} instead of {wanted!r}")
            time.sleep(0.05)

    def open(self, url):
        self.call("Page.navigate", url=url)
        self.expect("page", "document.readyState + document.title", "completeanyloop")


def use(page, url, screenshot):
    page.open(url + "/index.html")
    for form in ["message", "stream", "bytes", "echo", "delay"]:
        page.run(f"document.querySelector('#{form} button').click()")
    answer = "document.getElementById('{}-answer').textContent".format
    page.expect("fetch", answer("message"), '200 application/json\n{"message":"lorem ipsum dolor sit amet"}')
    page.expect("streamed list", "document.querySelectorAll('#stream-lines li').length", 20)
    page.expect("download", answer("bytes"), "10000000 bytes in ")
    page.expect("echo", answer("echo"), "h\u00e4\u00dflich & sch\u00f6n")
    page.expect("delay", answer("delay"), "waited for 500 ms")
    if screenshot:
        picture = page.call("Page.captureScreenshot", captureBeyondViewport=True)["data"]
        with open(screenshot, "wb") as file:
            file.write(base64.b64decode(picture))
    params = "name: Ada<br>color: red<br>color: &lt;blue&gt;</p>"
    for button, wanted in [(0, "Post params</h2><p>" + params), (1, "Post params</h2><p>" + params), (2, "Get params</h2><p>" + params)]:
        page.open(url + "/index.html")
        page.run(f"document.querySelectorAll('#form button')[{button}].click()")
        page.expect(f"form {button}", "document.body.innerHTML", wanted)


def trust(home, nickname, trusted_as, certificate):
    """Puts a certificate where Chromium looks for those that its user trusts."""
    database = f"{home}/.pki/nssdb"
    os.makedirs(database, exist_ok=True)
    certutil = ["certutil", "-d", f"sql:{database}"]
    subprocess.run([*certutil, "-N", "--empty-password"], check=True)
    subprocess.run([*certutil, "-A", "-n", nickname, "-t", trusted_as, "-i", certificate], check=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("--authority")
    parser.add_argument("--peer")
    parser.add_argument("--screenshot")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:
        if args.authority:
            trust(home, "authority", "C,,", args.authority)
        if args.peer:
            trust(home, "peer", "P,,", args.peer)
        browser = subprocess.Popen(
            [*BROWSER, f"--user-data-dir={home}/profile", "about:blank"],
            stderr=subprocess.PIPE, text=True, env={**os.environ, "HOME": home},
        )
        try:
            lines = (re.search(r"ws://127\.0\.0\.1:(\d+)/", line) for line in browser.stderr)
            found = next(filter(None, lines), None)
            if not found:
                sys.exit("chromium does not start")
            # What it writes later must not fill the pipe.
            threading.Thread(target=browser.stderr.read, daemon=True).start()
            use(Page(int(found.group(1))), args.url, args.screenshot)
        finally:
            browser.terminate()
            browser.wait()


main()

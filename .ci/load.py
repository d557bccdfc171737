"""Many connections against a running demo application, and its end in the middle of work.

Usage: load.py HOST PORT PID. Ends the server with SIGTERM; whoever started it looks at its exit code.
"""

import os
import signal
import socket
import sys
import threading
import time

HOST, PORT, PID = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])


def request(path):
    return f"GET {path} HTTP/1.1\r\nHost: {HOST}:{PORT}\r\n\r\n".encode()


def connect():
    return socket.create_connection((HOST, PORT), timeout=30)


def check(name, good, seen):
    if not good:
        sys.exit(f"{name}: {seen}")
    print(f"ok {name} ({seen})")


def descriptors():
    return len(os.listdir(f"/proc/{PID}/fd"))


def resident():
    with open(f"/proc/{PID}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))


def open_and_close(count):
    clients = [connect() for _ in range(count)]
    for client in clients:
        client.sendall(request("/hello"))
    good = sum(client.recv(4096).startswith(b"HTTP/1.1 200 ") for client in clients)
    for client in clients:
        client.close()
    return good


def connections_leave_nothing():
    if not os.path.isdir("/proc/self/fd"):
        print("no /proc")
        return
    before = descriptors()
    check("1000 connections", open_and_close(1000) == 1000, "all answered")
    settle(before)
    memory = resident()
    for _ in range(5):
        open_and_close(1000)
    settle(before)
    check("descriptors after 6000 connections", descriptors() == before, f"{before}, {descriptors()}")
    check("KiB after 1000 and 6000 connections", resident() <= memory + 4096, f"{memory}, {resident()}")


def settle(count):
    """Waits until the server has seen that its clients went away, and at most some seconds."""
    for _ in range(100):
        if descriptors() <= count:
            return
        time.sleep(0.05)


def read_all(client):
    data = b""
    while piece := client.recv(65536):
        data += piece
    return data


def hammer(cut):
    """Asks until the server ends the connection or there is none; notes answers that are not whole."""
    while True:
        try:
            client = connect()
        except OSError:
            return
        with client:
            answer = b""
            try:
                while b"connection: close" not in answer:
                    client.sendall(request("/plaintext"))
                    answer = client.recv(4096)
                    if not answer:
                        break
                    while not answer.endswith(b"Hello, World!"):
                        piece = client.recv(4096)
                        if not piece:
                            cut.append(answer)
                            break
                        answer += piece
            except OSError:
                # What was sent to a connection that had ended gets a reset.
                continue


def work_is_finished_at_the_end():
    cut = []
    threads = [threading.Thread(target=hammer, args=(cut,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    in_progress = [connect() for _ in range(50)]
    for client in in_progress:
        client.sendall(request("/delay/1500"))
    time.sleep(0.5)
    # The server stands still while clients come, so that they are in the queue of the listener when the signal comes.
    os.kill(PID, signal.SIGSTOP)
    queued = [connect() for _ in range(100)]
    for client in queued:
        client.sendall(request("/hello"))
    os.kill(PID, signal.SIGTERM)
    os.kill(PID, signal.SIGCONT)
    for name, clients, end in [("queued", queued, b'{"hello":"world"}'), ("in progress", in_progress, b"1500 ms\n")]:
        answers = [read_all(client) for client in clients]
        good = sum(answer.startswith(b"HTTP/1.1 200 ") and answer.endswith(end) for answer in answers)
        check(f"requests {name} at SIGTERM", good == len(clients), f"{good} of {len(clients)} answered")
    for thread in threads:
        thread.join()
    check("answers under load at SIGTERM", not cut, f"{len(cut)} cut")


connections_leave_nothing()
work_is_finished_at_the_end()

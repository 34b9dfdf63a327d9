"""reach.py listen|reach|end: can the hosts reach each other's ports, and do their clocks agree? Changes nothing."""
import json
import os
import select
import signal
import socket
import sys
import time

PID_FILE = "/run/matriarch-reach.pid"
host = os.environ["CHECK_HOST"]
address = os.environ["CHECK_ADDRESS"]
ports = [int(port) for port in os.environ["CHECK_PORTS"].split(",")]


def listen():
    """In a process of its own, which ends when told or after a minute; ports in use have a listener already."""
    listeners = []
    for port in ports:
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((address, port))
            listener.listen(64)
            listeners.append(listener)
        except OSError:
            listener.close()
    child = os.fork()
    if child:
        with open(PID_FILE, "w", encoding="ascii") as file:
            file.write(str(child))
        return
    os.setsid()
    null = os.open("/dev/null", os.O_RDWR)
    for descriptor in range(3):
        os.dup2(null, descriptor)
    ends = time.monotonic() + 60
    while time.monotonic() < ends and listeners:
        for ready in select.select(listeners, [], [], 1)[0]:
            connection = ready.accept()[0]
            connection.sendall(("clock %.3f\n" % time.time()).encode())
            connection.close()
    os._exit(0)


def reach():
    problems = []
    largest = float(os.environ["CHECK_CLOCK"])
    differences = {}
    for target in os.environ["CHECK_TARGETS"].split(",") if os.environ["CHECK_TARGETS"] else []:
        peer, port = target.rsplit(":", 1)
        try:
            with socket.create_connection((peer.strip("[]"), int(port)), 3) as connection:
                connection.settimeout(1)
                before = time.time()
                try:
                    words = connection.recv(100).decode("ascii", "replace").split()
                except OSError:
                    words = []
                if len(words) == 2 and words[0] == "clock":
                    differences[peer] = float(words[1]) - (before + time.time()) / 2
        except OSError as problem:
            problems.append("%s: port %s of %s cannot be reached: %s" % (host, port, peer, problem))
    for peer, difference in differences.items():
        if abs(difference) > largest:
            problems.append("%s: the clock of %s differs by %.1f s" % (host, peer, difference))
    print(json.dumps({"problems": problems}))


def end():
    try:
        with open(PID_FILE, encoding="ascii") as file:
            pid = int(file.read())
        with open("/proc/%d/cmdline" % pid, "rb") as file:
            ours = b"reach.py" in file.read()
        if ours:
            os.kill(pid, signal.SIGKILL)
        os.unlink(PID_FILE)
    except (OSError, ValueError):
        pass


{"listen": listen, "reach": reach, "end": end}[sys.argv[1]]()

"""Prints what would stop a deployment on this host, as JSON. Changes nothing."""
import glob
import json
import os
import platform
import re
import subprocess

host = os.environ["CHECK_HOST"]
kinds = os.environ["CHECK_KINDS"].split(",")
data_dir = os.environ["CHECK_DATA_DIR"]
version = os.environ["CHECK_VERSION"]
ports = [int(port) for port in os.environ["CHECK_PORTS"].split(",")]
tls = os.environ["CHECK_TLS"] == "True"
problems = []
# Of each kind of node its configuration.
FILES = {"member": "matriarch.yml", "witness": "witness.yml", "listener": "listener.yml"}


def output(*command):
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False).stdout
    except (OSError, subprocess.TimeoutExpired):
        return ""


def content(path):
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except OSError:
        return ""


def problem(text):
    problems.append(host + ": " + text)


nodes = [kind for kind in kinds if kind in FILES]
configuration = "/etc/matriarch/" + FILES[nodes[0] if nodes else "member"]
deployed = bool(nodes) and os.path.exists(configuration)
found = content(os.path.join(data_dir, "PG_VERSION")).strip() if "member" in kinds else ""


def check_member():
    if found and not deployed:
        problem(data_dir + " holds a cluster already, of PostgreSQL " + found
                + "; docs/bootstrap.md says how a running server is taken over")
    elif found and found != version:
        problem(data_dir + " is of PostgreSQL " + found + ", and postgresql_version is " + version)
    elif not found and os.path.isdir(data_dir) and os.listdir(data_dir):
        problem(data_dir + " is not empty")

    if not os.path.exists("/usr/lib/postgresql/" + version + "/bin/postgres"):
        candidate = output("apt-cache", "policy", "postgresql-" + version)
        # Without any lists of packages nothing can be said yet; the deployment fetches them.
        listed = glob.glob("/var/lib/apt/lists/*Packages*")
        if listed and ("Candidate: " not in candidate or "Candidate: (none)" in candidate):
            problem("no package postgresql-" + version + " is known to apt")


def check_tls():
    if (re.search("^tls:", content(configuration), re.MULTILINE) is not None) != tls:
        problem(configuration + " has " + ("no" if tls else "a") + " section tls, and matriarch_tls is " + str(tls).lower()
                + ": nodes with and without do not understand each other. docs/tls.md says how a running cluster changes; until then "
                + "set matriarch_tls: " + str(not tls).lower())


def check_ports():
    for line in output("ss", "-Hltnp").splitlines():
        words = line.split()
        port = int(words[3].rsplit(":", 1)[1])
        owner = words[5] if len(words) > 5 else words[3]
        if port in ports and not ("haproxy" in kinds and '"haproxy"' in owner):
            problem("port " + str(port) + " is in use: " + owner)


if len(nodes) > 1:
    problem("it is to be " + " and ".join("a " + kind for kind in nodes) + ", which use the same directories: they need a host each")
if "member" in kinds:
    check_member()
if deployed:
    check_tls()
else:
    check_ports()

if os.environ["CHECK_TIME_SYNC"] == "True":
    if "NTPSynchronized=no" in output("timedatectl", "show", "-p", "NTPSynchronized"):
        problem("the clock is not synchronized (matriarch_check_time_sync: false if that is known)")

if os.path.exists("/run/systemd/system") is False:
    problem("systemd does not run here")

icu = re.search(r"libicui18n\.so\.\S+", output("ldd", "/usr/lib/postgresql/" + version + "/bin/postgres"))
print(json.dumps({
    "problems": problems,
    "deployed": deployed,
    # A member has created its database.
    "created": deployed and bool(found),
    "glibc": platform.libc_ver()[1],
    "icu": icu.group() if icu else "",
    "machine": platform.machine(),
}))

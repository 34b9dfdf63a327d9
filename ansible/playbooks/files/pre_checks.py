"""Prints what would stop a deployment on this host, as JSON. Changes nothing."""
import glob
import json
import os
import platform
import subprocess

host = os.environ["CHECK_HOST"]
data_dir = os.environ["CHECK_DATA_DIR"]
version = os.environ["CHECK_VERSION"]
ports = [int(port) for port in os.environ["CHECK_PORTS"].split(",")]
deployed = os.path.exists("/etc/matriarch/matriarch.yml")
problems = []


def output(*command):
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False).stdout
    except (OSError, subprocess.TimeoutExpired):
        return ""


def problem(text):
    problems.append(host + ": " + text)


found = ""
try:
    with open(os.path.join(data_dir, "PG_VERSION"), encoding="ascii") as file:
        found = file.read().strip()
except OSError:
    pass
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

if not deployed:
    for line in output("ss", "-Hltnp").splitlines():
        words = line.split()
        port = int(words[3].rsplit(":", 1)[1])
        if port in ports:
            problem("port " + str(port) + " is in use: " + (words[5] if len(words) > 5 else words[3]))

if os.environ["CHECK_TIME_SYNC"] == "True":
    if "NTPSynchronized=no" in output("timedatectl", "show", "-p", "NTPSynchronized"):
        problem("the clock is not synchronized (matriarch_check_time_sync: false if that is known)")

if os.path.exists("/run/systemd/system") is False:
    problem("systemd does not run here")

print(json.dumps({
    "problems": problems,
    "glibc": platform.libc_ver()[1],
    "address": os.environ["CHECK_ADDRESS"],
}))

"""Holds a running gateway to the description that it serves.

Starts a demonstration on free ports, logs a synthetic person in, and lets schemathesis ask
everything that the description allows and much that it does not. Called by `cargo xtask test`,
with the program and a directory to work in; ends with schemathesis's own status.
"""

import http.client
import os
import re
import socket
import subprocess
import sys
import time
import urllib.parse

SEED = "1"
EXAMPLES = "15"
START_SECONDS = 60
HERE = os.path.dirname(os.path.abspath(__file__))
# Writes are paced per person; the check is one person who writes much.
SETTINGS = [
    "admission.write_interval_ms=1",
    "admission.read_interval_ms=1",
    "journal.segment_bytes=8388608",
    'app=[{client_id="pocket",name={uk="Кишеня",en="Pocket"},redirect_uris=["ua.example.pocket:/back"]}]',
]


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def get(port, target, cookies=""):
    """Status, Location, and the cookies that are set; follows nothing."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    headers = {"Cookie": cookies} if cookies else {}
    connection.request("GET", target, headers=headers)
    answer = connection.getresponse()
    answer.read()
    set_cookies = [value.split(";")[0] for value in answer.headers.get_all("Set-Cookie") or []]
    connection.close()
    return answer.status, answer.headers.get("Location", ""), set_cookies


def path_of(link):
    parts = urllib.parse.urlsplit(link)
    return f"{parts.path}?{parts.query}"


def log_in(public, hub):
    """The session token of a person who does not exist."""
    _, link, cookies = get(public, "/login")
    _, back, _ = get(hub, path_of(link) + "&person=42")
    _, _, cookies = get(public, path_of(back), "; ".join(cookies))
    for cookie in cookies:
        name, _, value = cookie.partition("=")
        if name == "talon_session" and value:
            return value
    sys.exit("the login gave no session")


def wait_until_open(process, admin):
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            sys.exit(f"the gateway ended with {process.returncode}")
        try:
            if get(admin, "/readyz")[0] == 200:
                return
        except OSError:
            pass
        time.sleep(0.05)
    sys.exit("the gateway does not start")


def schemathesis(public, token, directory):
    program = os.path.join(os.path.dirname(sys.executable), "schemathesis")
    command = [
        program,
        "--config-file", os.path.join(HERE, "schemathesis.toml"),
        "run", f"http://127.0.0.1:{public}/api/v1/openapi.json",
        "--seed", SEED,
        "--max-examples", EXAMPLES,
        "--generation-database", "none",
    ]
    # It leaves files behind where it runs.
    environment = {**os.environ, "TALON_TOKEN": token}
    checked = subprocess.run(
        command, cwd=directory, env=environment, stdin=subprocess.DEVNULL, check=False
    )
    return checked.returncode


def main():
    talon, directory = sys.argv[1:]
    public, hub, admin = free_port(), free_port(), free_port()
    command = [talon, "--data-dir", os.path.join(directory, "data"), "--listen", f"127.0.0.1:{public}"]
    addresses = [f"hub.origin=http://127.0.0.1:{hub}", f"admin.listen=127.0.0.1:{admin}"]
    for setting in addresses + SETTINGS:
        command += ["--set", setting]
    environment = {k: v for k, v in os.environ.items() if not re.match("TALON_", k)}
    environment["TALON_LOG"] = "warn"
    process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL)
    try:
        wait_until_open(process, admin)
        status = schemathesis(public, log_in(public, hub), directory)
        if process.poll() is not None:
            sys.exit(f"the gateway did not survive: {process.returncode}")
    finally:
        process.terminate()
        process.wait()
    sys.exit(status)


main()

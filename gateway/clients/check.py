"""Stock ALTCHA clients at a running gateway: they book, and a bot's tool gains nothing by them.

Starts a demonstration on free ports. The clients are npm's `altcha`, PyPI's `altcha`, and PyPI's
`altcha-solver`, which people write bots with. Called by `cargo xtask test`, with the program, a
directory to work in and the folder in which npm has installed its package.
"""

import json
import os
import re
import socket
import subprocess
import sys
import time
import unittest

import altcha
from altcha_solver import AltchaSolver

from person import Person, ask

START_SECONDS = 60
SOLVE_SECONDS = 60
HERE = os.path.dirname(os.path.abspath(__file__))
# Which service asks for which algorithm, as the policy has it.
SERVICES = {"driving": "PBKDF2/SHA-256", "exam": "SHA-256", "permit": "ARGON2ID"}
# Bookings of one person in a month, as the policy has it.
LIMIT = 4


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Gateway:
    """A demonstration as a process."""

    def __init__(self, talon, directory):
        public, hub, admin = free_port(), free_port(), free_port()
        self.origin = f"http://127.0.0.1:{public}"
        settings = [
            f"hub.origin=http://127.0.0.1:{hub}",
            f"admin.listen=127.0.0.1:{admin}",
            "journal.segment_bytes=8388608",
        ]
        command = [talon, "--config", os.path.join(HERE, "gateway.toml")]
        command += ["--data-dir", os.path.join(directory, "data"), "--listen", f"127.0.0.1:{public}"]
        for setting in settings:
            command += ["--set", setting]
        environment = {k: v for k, v in os.environ.items() if not re.match("TALON_", k)}
        environment["TALON_LOG"] = "warn"
        self._process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL)
        try:
            self._wait_until_open(f"http://127.0.0.1:{admin}/readyz")
        except BaseException:
            self.stop()
            raise

    def _wait_until_open(self, health):
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                sys.exit(f"the gateway ended with {self._process.returncode}")
            try:
                if ask(health)[0] == 200:
                    return
            except OSError:
                pass
            time.sleep(0.05)
        sys.exit("the gateway does not start")

    def stop(self):
        self._process.terminate()
        self._process.wait()


def solved_by_altcha(challenge):
    """The form field `altcha` as PyPI's `altcha` makes it."""
    read = altcha.Challenge.from_dict(challenge)
    solution = altcha.solve_challenge(read, timeout=SOLVE_SECONDS)
    return altcha.Payload(read, solution).to_base64()


def solved_by_bot(challenge):
    """The same as PyPI's `altcha-solver` makes it."""
    solver = AltchaSolver()
    return solver.build_payload(challenge, solver.solve(challenge))


class StockClients(unittest.TestCase):
    """Every person here is another one, so that the rules do not meet."""

    def person(self, number):
        return Person(gateway.origin, number)

    def refused(self, answer, status, kind):
        self.assertEqual((answer[0], answer[1].get("type")), (status, f"/problems/{kind}"), answer)

    def test_npm_altcha_books_with_every_algorithm(self):
        program = os.path.join(npm_folder, "book.mjs")
        for service, algorithm in SERVICES.items():
            said = subprocess.run(
                ["node", program, gateway.origin, "1", service],
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=True, timeout=SOLVE_SECONDS,
            )
            answer = json.loads(said.stdout)
            self.assertEqual((answer["algorithm"], answer["status"]), (algorithm, 201), answer)
            self.assertEqual(answer["body"]["service"], service)

    def test_pypi_altcha_books_with_every_algorithm(self):
        person = self.person(2)
        for service, algorithm in SERVICES.items():
            challenge = person.challenge(service)
            self.assertEqual(challenge["parameters"]["algorithm"], algorithm)
            status, booking = person.book(service, service, solved_by_altcha(challenge))
            self.assertEqual((status, booking.get("service")), (201, service), booking)

    def test_a_challenge_that_is_changed_and_solved_is_refused(self):
        person = self.person(3)
        challenge = person.challenge("driving")
        challenge["parameters"]["cost"] = 1
        answer = person.book("driving", "cheaper", solved_by_altcha(challenge))
        self.refused(answer, 403, "pow-forged")

    def test_a_bot_that_solves_books_up_to_its_persons_limit_and_no_further(self):
        bot = self.person(4)
        for number in range(LIMIT):
            solved = solved_by_bot(bot.challenge("driving"))
            status, booking = bot.book("driving", f"bot-{number}", solved)
            self.assertEqual(status, 201, booking)
        for number in range(LIMIT):
            solved = solved_by_bot(bot.challenge("driving"))
            answer = bot.book("driving", f"bot-more-{number}", solved)
            self.refused(answer, 429, "quota-exceeded")
            document = answer[1]
            said = (document["rule"], document["count"], document["limit"])
            self.assertEqual(said, ("online-month", LIMIT, LIMIT))

    def test_what_a_bot_solved_is_good_once_and_for_nobody_else(self):
        bot, buyer = self.person(5), self.person(6)
        solved = solved_by_bot(bot.challenge("permit"))
        self.refused(buyer.book("permit", "bought", solved), 403, "pow-wrong-person")
        self.refused(bot.book("driving", "elsewhere", solved), 403, "pow-wrong-release")
        status, booking = bot.book("permit", "own", solved)
        self.assertEqual(status, 201, booking)
        self.refused(bot.book("permit", "again", solved), 403, "pow-replayed")


if __name__ == "__main__":
    talon, directory, npm_folder = sys.argv[1:]
    gateway = Gateway(talon, directory)
    try:
        ran = unittest.main(argv=[sys.argv[0]], exit=False, verbosity=2)
    finally:
        gateway.stop()
    sys.exit(not ran.result.wasSuccessful())

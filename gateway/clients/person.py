"""One person at a running gateway: logs in, takes challenges, books. Solves nothing.

Called by check.py; knows no ALTCHA library.
"""

import datetime
import json
import urllib.error
import urllib.parse
import urllib.request

OFFICE = 1
TIMEOUT_SECONDS = 30


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


_OPENER = urllib.request.build_opener(_NoRedirect)


def ask(url, headers=None, body=None):
    """Status, headers and bytes of an answer; follows nothing."""
    request = urllib.request.Request(url, data=body, headers=headers or {})
    try:
        with _OPENER.open(request, timeout=TIMEOUT_SECONDS) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as answer:
        return answer.code, answer.headers, answer.read()


def _cookies(headers):
    return [value.split(";")[0] for value in headers.get_all("Set-Cookie") or []]


def _day(ahead):
    return (datetime.date.today() + datetime.timedelta(days=ahead)).isoformat()


class Person:
    """A synthetic person with a session."""

    def __init__(self, gateway, number):
        self._gateway = gateway
        _, left, _ = ask(f"{gateway}/login")
        _, hub, _ = ask(f"{left['Location']}&person={number}")
        _, back, _ = ask(hub["Location"], {"Cookie": "; ".join(_cookies(left))})
        session = dict(cookie.split("=", 1) for cookie in _cookies(back))["talon_session"]
        self._headers = {"Authorization": f"Bearer {session}"}

    def challenge(self, service):
        """A challenge for a service, as it was sent."""
        place = urllib.parse.urlencode({"authority": "small", "office": OFFICE, "service": service})
        status, _, body = ask(f"{self._gateway}/api/v1/challenge?{place}", self._headers)
        assert status == 200, (status, body)
        return json.loads(body)

    def book(self, service, key, altcha):
        """Status and document of a booking's answer."""
        wish = {
            "authority": "small",
            "office": OFFICE,
            "service": service,
            "any": {"from": _day(2), "to": _day(9)},
            "altcha": altcha,
        }
        headers = {"Content-Type": "application/json", "Idempotency-Key": key, **self._headers}
        url = f"{self._gateway}/api/v1/bookings"
        status, _, body = ask(url, headers, json.dumps(wish).encode())
        return status, json.loads(body)

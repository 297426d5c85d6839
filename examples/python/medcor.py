"""Calls MedCor over REST, with the standard library alone (Python 3.9 or later)."""

import json
import os
import sys
import urllib.error
import urllib.request


class MedCorError(Exception):
    """A refusal in the server's own words: what happened, and what to do about it."""

    def __init__(self, error):
        super().__init__(f"{error['code']}: {error['message']}")
        self.code = error["code"]
        self.details = error.get("details", {})
        self.retry_after = error.get("retry_after")

    @property
    def hints(self):
        """What a caller can act on, one hint on each line."""
        lines = []
        for name, value in self.details.items():
            for hint in value if isinstance(value, list) else [value]:
                lines.append(f"{name}: {told(hint)}")
        if self.retry_after:
            lines.append(f"retry after {self.retry_after} seconds")
        return "\n".join(lines)


def told(hint):
    """A hint as a line: a problem and where it is, a proposal, or a record that may have been meant."""
    if not isinstance(hint, dict):
        return str(hint)
    if "problem" in hint:
        return f"{hint.get('path', '')} {hint['problem']}".strip()
    if "text" in hint:
        return hint["text"]
    if "name" in hint:
        return f"{hint['name']}, {hint.get('detail', 'no further detail')} ({hint.get('id')})"
    return json.dumps(hint, ensure_ascii=False)


class MedCor:
    """One server, as one caller."""

    def __init__(self, url, token):
        self.url = url.rstrip("/")
        self.token = token

    @classmethod
    def from_environment(cls):
        """The server of MEDCOR_URL, as the owner of MEDCOR_TOKEN."""
        token = os.environ.get("MEDCOR_TOKEN")
        if not token:
            sys.exit("set MEDCOR_TOKEN: `medcor token --user you@clinic.example` prints one")
        return cls(os.environ.get("MEDCOR_URL", "http://127.0.0.1:8002"), token)

    def tools(self):
        """The tools that this caller may use, with their JSON Schemas."""
        return self.request("/api/v1/mcp/tools")["tools"]

    def invoke(self, tool, params=None, key=None):
        """Calls a tool. With a key of your own, a call that writes can be repeated after a lost answer."""
        headers = {"Idempotency-Key": key} if key else {}
        return self.request("/api/v1/mcp/tools/invoke", {"tool": tool, "params": params or {}}, headers)

    def batch(self, requests, atomic=False):
        """Calls several tools in one request; each outcome has `result` or `error`, in order."""
        body = {"requests": requests}
        if atomic:
            body["atomic"] = True
        return self.request("/api/v1/mcp/batch", body)

    def request(self, path, body=None, headers=None):
        """Sends a request; a refusal is raised."""
        request = urllib.request.Request(
            self.url + path,
            data=None if body is None else json.dumps(body).encode(),
            headers={
                "Authorization": f"Bearer {self.token}",
                "Content-Type": "application/json",
                **(headers or {}),
            },
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as refused:
            raise refusal(refused.code, refused.read().decode()) from None


def refusal(status, text):
    """What the server said; a proxy in between may have said it in its own way."""
    try:
        return MedCorError(json.loads(text)["error"])
    except (ValueError, KeyError, TypeError):
        return MedCorError({"code": f"HTTP {status}", "message": text.strip()})


def run(program):
    """Runs a program; a refusal is printed with its hints and makes the exit code 1."""
    try:
        program()
    except MedCorError as error:
        sys.exit("\n".join(line for line in [str(error), error.hints] if line))
    except urllib.error.URLError as error:
        sys.exit(f"no server: {error.reason}")

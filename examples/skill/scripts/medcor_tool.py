#!/usr/bin/env python3
"""Finds, describes and calls the tools of a MedCor server as they are at this moment. Standard library alone,
Python 3.10 or later.

    medcor_tool.py find WORDS...
    medcor_tool.py describe TOOL
    medcor_tool.py call TOOL '{"json": "object"}' [--approved]

The server is MEDCOR_URL; the caller is the owner of MEDCOR_TOKEN. A tool that changes something is called with
--approved alone, which says that a person has seen the call and agreed to it.
"""

import json
import os
import sys
import urllib.error
import urllib.request

FOUND_MAX = 8


def request(path, body=None):
    """Sends a request; a refusal ends the program with what the server said."""
    url = os.environ.get("MEDCOR_URL", "http://127.0.0.1:8002").rstrip("/")
    token = os.environ.get("MEDCOR_TOKEN") or sys.exit("MEDCOR_TOKEN is not set")
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    data = None if body is None else json.dumps(body).encode()
    try:
        with urllib.request.urlopen(urllib.request.Request(url + path, data, headers), timeout=60) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as refused:
        sys.exit(told(refused.code, refused.read().decode()))
    except urllib.error.URLError as error:
        sys.exit(f"no server at {url}: {error.reason}")


def told(status, text):
    try:
        error = json.loads(text)["error"]
    except (ValueError, KeyError, TypeError):
        return f"HTTP {status}: {text.strip()}"
    hints = json.dumps(error.get("details", {}), ensure_ascii=False)
    return f"{error['code']}: {error['message']}\n{hints}"


def invoke(tool, params):
    return request("/api/v1/mcp/tools/invoke", {"tool": tool, "params": params})


def tools():
    """The tools that the caller may use, by name."""
    return {tool["name"]: tool for tool in request("/api/v1/mcp/tools")["tools"]}


def tool_named(name):
    known = tools()
    return known.get(name) or sys.exit(f"there is no tool {name} that you may use; try `find`")


def changes(tool):
    return not tool.get("annotations", {}).get("readOnlyHint", False)


def find(words):
    """Prints the tools that fit, the best first; the server searches."""
    found = invoke("search_tools", {"query": " ".join(words)})
    for tool in [tool for tool in found["results"] if tool["kind"] == "tool"][:FOUND_MAX]:
        mark = "reads" if tool["read_only"] else "changes"
        print(f"{tool['name']} ({mark}): {tool['summary']}")


def describe(name):
    """Prints what a tool does and takes."""
    tool = tool_named(name)
    print(tool.get("description", ""))
    if changes(tool):
        print("\nIt changes something: ask the person first, then pass --approved.")
    print(json.dumps(tool["inputSchema"], ensure_ascii=False))


def call(name, text, flags):
    """Calls a tool and prints its answer."""
    try:
        params = json.loads(text)
    except ValueError as error:
        sys.exit(f"the parameters are no JSON: {error}")
    tool = tool_named(name)
    if changes(tool) and "--approved" not in flags:
        sys.exit(f"{name} changes something: show the person this call, and pass --approved after a clear yes")
    print(json.dumps(invoke(name, params), ensure_ascii=False))


def main():
    match sys.argv[1:]:
        case ["find", *words] if words:
            find(words)
        case ["describe", name]:
            describe(name)
        case ["call", name, text, *flags]:
            call(name, text, flags)
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main()

"""What the Python drivers share: one JSON command per line comes in, one JSON event per line goes out.

    command  {"do": "publish", "as": CONNECTION, ...}
    event    {"event": "published", "as": CONNECTION, ...}

Payloads and correlation data travel as base64. Standard output belongs to the events. The driver ends when its
standard input does, so it cannot outlive the test that started it.
"""

import base64
import json
import os
import sys
import threading

_events = sys.stdout
_events_lock = threading.Lock()  # the libraries call back from threads of their own
sys.stdout = sys.stderr


def emit(event, connection, **details):
    """Writes one event; details that are None are left out."""
    details = {name: value for name, value in details.items() if value is not None}
    line = json.dumps({"event": event, "as": connection, **details})
    with _events_lock:
        _events.write(line + "\n")
        _events.flush()


def serve(commands):
    """Answers every command with the function of its name; what that raises becomes an "error" event."""
    for line in sys.stdin:
        command = json.loads(line)
        connection = command.pop("as")
        try:
            commands[command.pop("do")](connection, **command)
        except Exception as error:  # whatever the library raises is for the test to judge
            emit("error", connection, message=repr(error))
    os._exit(0)  # without waiting for the libraries' threads


def to_base64(data):
    return base64.b64encode(data).decode()


def from_base64(text):
    return base64.b64decode(text)

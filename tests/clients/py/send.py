"""Sends events to a gateway with the public CloudEvents SDK, as its documentation has it done.

Usage: send.py URL   (the key in RIPOSTE_KEY)

Prints a line of JSON for each request: the mode, the status and what the gateway answered.
"""

import json
import os
import sys
import urllib.request
from datetime import datetime, timezone

from cloudevents.core.bindings.http import to_binary_event, to_structured_event
from cloudevents.core.v1.event import CloudEvent
from cloudevents.v1.http import CloudEvent as FirstCloudEvent
from cloudevents.v1.http import to_binary, to_structured

DATA = {"site": "caf\u00e9 7", "price": 1.5, "tags": ["a", None, True]}


def main() -> None:
    url, key = sys.argv[1], os.environ["RIPOSTE_KEY"]
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    for mode, headers, body in requests():
        request = urllib.request.Request(url, data=body, headers=headers, method="POST")
        request.add_header("Authorization", f"Bearer {key}")
        with opener.open(request) as answer:
            print(json.dumps({"mode": mode, "status": answer.status, "answer": json.load(answer)}))


def requests():
    binary = to_binary_event(event("binary"))
    yield "binary", binary.headers, binary.body
    structured = to_structured_event(event("structured"))
    yield "structured", structured.headers, structured.body
    text = to_binary_event(event("text", data="a\nb", datacontenttype="text/plain"))
    yield "text", text.headers, text.body
    # Neither version of the SDK writes batches: it makes the events, we the list around them.
    events = [to_structured_event(event(f"batch-{number}")).body for number in range(3)]
    batch = b"[" + b",".join(events) + b"]"
    yield "batch", {"Content-Type": "application/cloudevents-batch+json"}, batch
    # The interface of the SDK's first version, which most programs still use.
    yield "first-binary", *to_binary(first("first-binary"))
    yield "first-structured", *to_structured(first("first-structured"))


def event(name: str, data=DATA, datacontenttype="application/json") -> CloudEvent:
    return CloudEvent(attributes(name) | {
        "datacontenttype": datacontenttype,
        "time": datetime(2026, 1, 31, 12, 0, tzinfo=timezone.utc),
    }, data)


def first(name: str) -> FirstCloudEvent:
    return FirstCloudEvent(attributes(name) | {"datacontenttype": "application/json"}, DATA)


def attributes(name: str) -> dict:
    return {
        "id": f"python-{name}",
        "type": "client.sent",
        "source": "/clients/python",
        "subject": "\u00fcber 100%",
        "team": "web",
    }


main()

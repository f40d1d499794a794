// Sends events to a gateway with the public CloudEvents SDK, as its documentation has it done.
//
// Usage: send.mjs URL   (the key in RIPOSTE_KEY)
//
// Prints a line of JSON for each request: the mode and what the gateway answered.

import { CloudEvent, HTTP, Mode, emitterFor, httpTransport } from "cloudevents";

const [url, key] = [process.argv[2], process.env.RIPOSTE_KEY];
const authorized = { headers: { Authorization: `Bearer ${key}` } };
const DATA = { site: "caf\u00e9 7", price: 1.5, tags: ["a", null, true] };

function event(name, more = {}) {
  return new CloudEvent({
    id: `javascript-${name}`,
    type: "client.sent",
    source: "/clients/javascript",
    subject: "\u00fcber 100%",
    time: "2026-01-31T12:00:00.000Z",
    datacontenttype: "application/json",
    team: "web",
    data: DATA,
    ...more,
  });
}

function show(mode, answer) {
  console.log(JSON.stringify({ mode, answer: JSON.parse(answer.body) }));
}

const transport = httpTransport(url);
const binary = emitterFor(transport);
const structured = emitterFor(transport, { mode: Mode.STRUCTURED });
show("binary", await binary(event("binary"), authorized));
show("structured", await structured(event("structured"), authorized));
const text = event("text", { datacontenttype: "text/plain", data: "a\nb" });
show("text", await binary(text, authorized));

// The SDK writes no batches: it makes the events, we the list around them.
const bodies = [0, 1, 2].map((number) => HTTP.structured(event(`batch-${number}`)).body);
const headers = { "content-type": "application/cloudevents-batch+json" };
show("batch", await transport({ headers, body: `[${bodies.join(",")}]` }, authorized));

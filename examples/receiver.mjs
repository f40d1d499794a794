// A receiver of webhooks that verifies their signatures, with nothing but Node.
//
//   WEBHOOK_SECRET=whsec_… node examples/receiver.mjs        listens on http://127.0.0.1:9000
//
// PORT=0 takes any free port. STATUS=503 answers with that instead of 204, to see retries.

import { createHmac, timingSafeEqual } from "node:crypto";
import { createServer } from "node:http";

const secret = process.env.WEBHOOK_SECRET ?? "";
const status = Number(process.env.STATUS ?? 204);
const tolerance = 5 * 60; // seconds
if (!secret.startsWith("whsec_")) {
  console.error("Set WEBHOOK_SECRET to the endpoint's secret: whsec_…");
  process.exit(2);
}
const key = Buffer.from(secret.slice("whsec_".length), "base64");

// The signature covers id, timestamp and the bytes of the body. While a secret is rotated there are
// several signatures: one of them must be right.
function isSigned(headers, body) {
  const id = headers["webhook-id"];
  const timestamp = headers["webhook-timestamp"];
  if (Math.abs(Date.now() / 1000 - Number(timestamp)) > tolerance) return false;
  const expected = createHmac("sha256", key).update(`${id}.${timestamp}.`).update(body).digest();
  return String(headers["webhook-signature"]).split(" ").some((entry) => {
    const [version, signature] = entry.split(",");
    const given = Buffer.from(signature ?? "", "base64");
    return version === "v1" && given.length === expected.length && timingSafeEqual(given, expected);
  });
}

const server = createServer(async (request, response) => {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  const body = Buffer.concat(chunks);
  const verified = isSigned(request.headers, body);
  const verdict = verified ? "verified" : "NOT VERIFIED";
  console.log(`${verdict}  ${request.headers["webhook-id"]}  ${body}`);
  response.writeHead(verified ? status : 401).end();
});

server.listen(Number(process.env.PORT ?? 9000), "127.0.0.1", () => {
  console.log(`Listening on http://127.0.0.1:${server.address().port}`);
});

// Verifies a webhook with the public Standard Webhooks library.
//
// Reads {"secret", "headers", "body"} from standard input. Prints the payload and ends with 0 if
// it is genuine, with 1 if it is not.

import { readFileSync } from "node:fs";
import { Webhook, WebhookVerificationError } from "standardwebhooks";

const received = JSON.parse(readFileSync(0, "utf8"));
try {
  const payload = new Webhook(received.secret).verify(received.body, received.headers);
  console.log(JSON.stringify(payload));
} catch (error) {
  if (!(error instanceof WebhookVerificationError)) throw error;
  console.error(error.message);
  process.exit(1);
}

"""Verifies a webhook with the public Standard Webhooks library.

Reads {"secret", "headers", "body"} from standard input. Prints the payload and ends with 0 if it
is genuine, with 1 if it is not.
"""

import json
import sys

from standardwebhooks.webhooks import Webhook, WebhookVerificationError

received = json.load(sys.stdin)
try:
    payload = Webhook(received["secret"]).verify(received["body"], received["headers"])
except WebhookVerificationError as refused:
    print(refused, file=sys.stderr)
    sys.exit(1)
print(json.dumps(payload))

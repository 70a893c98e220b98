"""Queues one run at the runner; with the same key it is the same run, however often the Job tries."""

import json
import os
import sys
import time
import urllib.error
import urllib.request

PATIENCE_S = 600


def main() -> int:
    """The exit code: 0 when the run is queued."""
    request = urllib.request.Request(
        f"{os.environ['RUNNER']}/runs",
        json.dumps({"config": {"load": json.loads(os.environ["LOAD"])}}).encode(),
        {
            "Authorization": f"Bearer {os.environ['TOKEN']}",
            "Content-Type": "application/json",
            "Idempotency-Key": os.environ["KEY"],
        },
    )
    end = time.monotonic() + float(os.environ.get("PATIENCE_S", PATIENCE_S))
    while True:
        try:
            with urllib.request.urlopen(request, timeout=30) as reply:
                print(f"queued: {reply.read().decode()}")
                return 0
        except urllib.error.HTTPError as refusal:
            said = f"{refusal.code} {refusal.read().decode()}"
            if refusal.code < 500:
                break
        except OSError as error:
            said = str(error)
        if time.monotonic() > end:
            break
        time.sleep(2)
    print(f"the runner did not take the run: {said}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())

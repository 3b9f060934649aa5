"""Exit 0 when Dagster's daemons have heartbeats; `dagster-daemon liveness-check` costs 10 s of CPU.

The web server reads the same heartbeats from PostgreSQL and is asked instead.
"""

import json
import sys
from urllib.request import Request, urlopen

QUERY = "{instance{daemonHealth{allDaemonStatuses{required healthy}}}}"

if __name__ == "__main__":
    request = Request(
        "http://dagster-webserver:3000/graphql",
        json.dumps({"query": QUERY}).encode(),
        {"Content-Type": "application/json"},
    )
    answer = json.load(urlopen(request, timeout=15))  # noqa: S310 - the same
    statuses = answer["data"]["instance"]["daemonHealth"]["allDaemonStatuses"]
    sys.exit(not all(one["healthy"] for one in statuses if one["required"]))

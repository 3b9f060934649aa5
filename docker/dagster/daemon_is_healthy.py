"""Exit with 0 if all of Dagster's required daemons have recent heartbeats.

`dagster-daemon liveness-check` takes 10 s of CPU time. The web server reads the same heartbeats
from PostgreSQL, so this script asks the web server instead.
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
    response = json.load(urlopen(request, timeout=15))  # noqa: S310 - a fixed http URL
    statuses = response["data"]["instance"]["daemonHealth"]["allDaemonStatuses"]
    sys.exit(not all(one["healthy"] for one in statuses if one["required"]))

"""A stand-in for what the core's front end calls: the core's login, and the console behind the same address.

    gunicorn demo.core_api:application --config demo/core_api_server.py

It stands in for nothing else of the core's API. Environment: DATABASE_URL (libpq), PORT (the console's, on this
machine), DEMO_CORE_PORT (its own).
"""

import os

from demo.core_login import CoreLogin
from demo.path_split import PathSplit

application = PathSplit(CoreLogin(os.environ["DATABASE_URL"]), host="127.0.0.1", port=int(os.environ["PORT"]))

"""How gunicorn serves `demo.core_api`: for one machine's demonstration, on its loopback address."""

import os
from pathlib import Path

bind = f"127.0.0.1:{os.environ['DEMO_CORE_PORT']}"
worker_class = "gthread"
workers = 1
# Most of them wait for the console.
threads = 32
# As long as the console's own server takes them.
limit_request_line = 8190
timeout = 90
graceful_timeout = 3
keepalive = 5
loglevel = "warning"
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None
control_socket_disable = True

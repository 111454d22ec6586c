"""How gunicorn serves the console; `gunicorn opsconsole.wsgi:application` reads this by itself."""

import os
from pathlib import Path

# Only the web processes share connections between requests; settings.py reads this.
os.environ.setdefault("OPS_DATABASE_POOL_SIZE", "10")

# The loopback address: what the world sees is a proxy's business.
bind = f"127.0.0.1:{os.environ.get('PORT', '8000')}"
worker_class = "gthread"
workers = 2
threads = 8

# Seconds. No request takes longer: connections are waited for and slow filters end within three seconds each.
timeout = 30
graceful_timeout = 5
keepalive = 5

# The workers' heartbeats; on a disk they can block.
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None
control_socket_disable = True

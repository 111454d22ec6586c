"""How gunicorn serves the console; `gunicorn opsconsole.wsgi:application` reads this by itself."""

import os
import sys
from pathlib import Path

# gunicorn reads this before it looks for modules in the folder that it serves.
sys.path.insert(0, str(Path(__file__).resolve().parent))
from opsconsole import logs

# Only the web processes share connections between requests; settings.py reads this.
os.environ.setdefault("OPS_DATABASE_POOL_SIZE", "10")

# The loopback address: what the world sees is a proxy's business.
bind = f"127.0.0.1:{os.environ.get('PORT', '8000')}"
worker_class = "gthread"
workers = 2
threads = 8

# As long as gunicorn takes them: filters may be words of any language, of which each letter takes up to twelve bytes.
limit_request_line = 8190

# Seconds. No request takes longer: connections are waited for and slow filters end within three seconds each.
timeout = 30
graceful_timeout = 5
keepalive = 5

# The workers' heartbeats; on a disk they can block.
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None
control_socket_disable = True

# As Django's LOGGING will be once a worker has started.
logconfig_dict = logs.configuration(
    level=os.environ.get("OPS_LOG_LEVEL") or "INFO", style=os.environ.get("OPS_LOG_FORMAT") or "console"
)

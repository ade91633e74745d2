"""gunicorn's settings for the gateway; `gunicorn -c deploy/gunicorn.conf.py wsgi:app`."""

import gc
import os

from gunicorn.arbiter import Arbiter


def when_ready(_server: Arbiter) -> None:
    """What is loaded by now stays: the collector would touch it in every worker, and so copy it."""
    gc.collect()
    gc.freeze()


worker_class = "dashboard.gunicorn_worker.Worker"
logger_class = "dashboard.gunicorn_worker.Logger"
preload_app = True  # loaded once for all workers: half the memory, and one that ends is replaced in no time
workers = int(os.environ.get("WEB_WORKERS") or 2)
threads = int(os.environ.get("WEB_THREADS") or 64)
timeout = 60
graceful_timeout = 5
keepalive = 30
sendfile = False  # it waits for a client who reads slowly
backlog = 1024
loglevel = "warning"
accesslog = None  # addresses of the log hold the numbers that people searched for
control_socket_disable = True
forwarder_headers = ""  # SCRIPT_NAME and its like are no client's to set, not even from this machine
forwarded_allow_ips = ""  # X-Forwarded-* count by PROXY_HOPS alone

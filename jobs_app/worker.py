"""The module that Dramatiq imports in each worker process."""

import contextlib
import ctypes
import multiprocessing
import os
import signal

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "vodplatform.settings.embedded")
django.setup()

from django.conf import settings  # noqa: E402
from django.db import DatabaseError, connection  # noqa: E402
from dramatiq import Worker  # noqa: E402
from dramatiq.middleware import Middleware  # noqa: E402

from jobs_app.broker import broker  # noqa: E402
from jobs_app.heartbeat import lease_renewer  # noqa: E402
from jobs_app.kinds import registry  # noqa: E402
from jobs_app.maintenance import sweeper  # noqa: E402
from jobs_app.runner import running_jobs, spare_threads  # noqa: E402
from vodplatform.core.files import installation  # noqa: E402
from vodplatform.core.records import process_registry  # noqa: E402
from vodplatform.core.web import publish  # noqa: E402

PR_SET_PDEATHSIG = 1


class WorkerLifecycle(Middleware):
    def after_process_boot(self, broker: object) -> None:
        # Let Linux kill this process when Dramatiq's master dies.
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        parent = multiprocessing.parent_process()
        if parent is not None and os.getppid() != parent.pid:
            os._exit(1)
        registry()
        if connection.vendor == "sqlite":
            # Keep connections open: opening the SQLite file takes longer than a job's queries.
            connection.settings_dict["CONN_MAX_AGE"] = None

    def after_worker_boot(self, broker: object, worker: Worker) -> None:
        spare = spare_threads(worker.consumer_whitelist or settings.JOB_LANES)
        running_jobs.max_jobs = max(1, worker.worker_threads - spare)
        lease_renewer.start()
        sweeper.start(worker.consumer_whitelist)

    def before_worker_shutdown(self, broker: object, worker: object) -> None:
        sweeper.stop()
        lease_renewer.stop()

    def after_worker_shutdown(self, broker: object, worker: object) -> None:
        lease_renewer.requeue_all()
        with contextlib.suppress(DatabaseError):
            process_registry.unregister_process()
        # A forked process ends without Python's exit handlers, so send the remaining realtime messages now.
        publish.flush()


broker.add_middleware(WorkerLifecycle())
if settings.HOST_CHORE:
    installation.register_or_exit()

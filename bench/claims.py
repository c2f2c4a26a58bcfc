"""``python -m bench.claims``: time that a worker needs to claim a job with 10, 1 000 and 100 000 queued jobs.

Prints JSON: {queued jobs: median in milliseconds}. The time includes completing the job and admitting its owner's next
job.
"""

from __future__ import annotations

import json
import os
import time

from bench.measure import percentile

QUEUED = (10, 1_000, 100_000)
CLAIMS = 150
LANE = "claims"


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bench.settings")
    import django

    django.setup()
    from django.conf import settings
    from django.core.management import call_command

    from vodplatform.accounts.models import User

    call_command("migrate", verbosity=0)
    settings.JOB_LANES[LANE] = 10**9
    hoarder, other = User.objects.create(username="hoarder"), User.objects.create(username="other")
    print(json.dumps({str(count): 1000 * cost(count, hoarder, other) for count in QUEUED}))


def cost(count: int, hoarder: object, other: object) -> float:
    from jobs_app import leases, services
    from jobs_app.models import Job

    Job.objects.all().delete()
    Job.objects.bulk_create(
        (Job(kind="bench.noop", lane=LANE, owner=hoarder, admitted=False) for _ in range(count)), batch_size=5_000
    )
    from django.db import connection

    from jobs_app.admission import admit_all

    admit_all()
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")  # update the planner's statistics now; PostgreSQL's autovacuum may wait a minute
    took = []
    for number in range(CLAIMS):
        if number % 2:
            services.enqueue("bench.noop", other, {})  # type: ignore[arg-type]
            Job.objects.filter(owner=other, lane="bench").update(lane=LANE)
        else:
            Job.objects.bulk_create([Job(kind="bench.noop", lane=LANE, owner=hoarder, admitted=False)])
        started = time.monotonic()
        job = leases.claim(LANE, "bench")
        assert job is not None and job.lease_token is not None
        leases.complete(leases.Lease(job.pk, job.lease_token), {})
        took.append(time.monotonic() - started)
    return percentile(took, 0.5)


if __name__ == "__main__":
    main()

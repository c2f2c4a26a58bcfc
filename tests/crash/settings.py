"""The embedded program with quicker leases, the ratio of their times as in production.

For kills whose tests ask what comes of them, not how soon: after each somebody waits for a whole lease.
"""

from vodplatform.settings.embedded import *  # noqa: F403

JOB_LEASE_SECONDS = 8.0
JOB_RENEW_SECONDS = 2.0
JOB_SWEEP_SECONDS = 0.8

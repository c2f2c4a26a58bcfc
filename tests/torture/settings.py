"""The embedded program with the synthetic kind and quick leases, the ratio of their times as in production."""

import faulthandler
import os
import signal

from vodplatform.settings.embedded import *  # noqa: F403
from vodplatform.settings.embedded import JOB_KINDS, JOB_LANES, TIER_LIMITS

faulthandler.register(signal.SIGUSR2)

JOB_KINDS = [*JOB_KINDS, *(f"tests.torture.kinds.{name}" for name in ("synthetic", "elsewhere"))]
JOB_LANES = {**JOB_LANES, "synthetic": int(os.environ.get("TORTURE_LANE", "2")), "elsewhere": 1}
# The lane's limit is what is watched: the account's must not be in the way.
TIER_LIMITS = {tier: {**limits, "max_concurrent_jobs": 64} for tier, limits in TIER_LIMITS.items()}
JOB_LEASE_SECONDS = 4.0
JOB_RENEW_SECONDS = 1.0
JOB_CONTROL_SECONDS = 0.2
JOB_SWEEP_SECONDS = 0.5
JOB_ADMISSION_SECONDS = 1.0
JOB_STUCK_SECONDS = float(os.environ.get("TORTURE_STUCK", "60"))

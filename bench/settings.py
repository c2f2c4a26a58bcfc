"""Django settings of a measured program whose job kinds do nothing, to measure the queue alone."""

from vodplatform.settings.embedded import *  # noqa: F403
from vodplatform.settings.embedded import JOB_LANES, TIER_LIMITS

JOB_KINDS = ["bench.kinds.align", "bench.kinds.noop", "bench.kinds.idle", "bench.kinds.crowd"]
JOB_LANES = {**JOB_LANES, "bench": 4, "idle": 0, "crowd": 10**6}
# Allow an account more jobs at once than the lane ``bench`` runs, so that one account fills the lane.
TIER_LIMITS = {tier: {**limits, "max_concurrent_jobs": 8} for tier, limits in TIER_LIMITS.items()}
THROTTLES_ON = False

"""Django settings of measurement R8. Jobs do not run. There is no throttling: the sender limits its own rate."""

from vodplatform.settings.embedded import *  # noqa: F403
from vodplatform.settings.embedded import JOB_LANES, TIER_LIMITS

THROTTLES_ON = False
# Jobs stay queued, because running them would take CPU from the measured web process.
JOB_LANES = dict.fromkeys(JOB_LANES, 0)
MANY = 10**6
TIER_LIMITS = {
    tier: {**limits, "max_concurrent_jobs": MANY, "max_sessions": MANY} for tier, limits in TIER_LIMITS.items()
}
UPLOADS_AT_ONCE = TOKENS_PER_USER = MANY

"""The embedded program for R8: no throttles, since the bench paces its requests itself, and no job ever runs."""

from vodplatform.settings.embedded import *  # noqa: F403
from vodplatform.settings.embedded import JOB_LANES, TIER_LIMITS

THROTTLES_ON = False
# Lanes without a place: what is measured is the web process, and jobs would take the processors from it.
JOB_LANES = dict.fromkeys(JOB_LANES, 0)
MANY = 10**6
TIER_LIMITS = {
    tier: {**limits, "max_concurrent_jobs": MANY, "max_sessions": MANY} for tier, limits in TIER_LIMITS.items()
}
UPLOADS_AT_ONCE = TOKENS_PER_USER = MANY

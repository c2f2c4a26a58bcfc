"""Django settings for measurements: the URLs of :mod:`bench.urls`, 20 concurrent jobs per account, no throttling."""

from vodplatform.settings.embedded import *  # noqa: F403
from vodplatform.settings.embedded import TIER_LIMITS

ROOT_URLCONF = "bench.urls"
TIER_LIMITS = {tier: {**limits, "max_concurrent_jobs": 20} for tier, limits in TIER_LIMITS.items()}
THROTTLES_ON = False

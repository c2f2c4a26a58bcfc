"""Django settings for measurements: add the bare baseline view and allow each account more jobs at once."""

from vodplatform.settings.embedded import *  # noqa: F403
from vodplatform.settings.embedded import TIER_LIMITS

ROOT_URLCONF = "bench.urls"
TIER_LIMITS = {tier: {**limits, "max_concurrent_jobs": 20} for tier, limits in TIER_LIMITS.items()}
THROTTLES_ON = False

"""The embedded program with two more job kinds that do nothing, for measuring the queue."""

from vodplatform.settings.embedded import *  # noqa: F403
from vodplatform.settings.embedded import JOB_LANES

JOB_KINDS = ["bench.kinds.ALIGN", "bench.kinds.NOOP"]
JOB_LANES = {**JOB_LANES, "bench": 4}

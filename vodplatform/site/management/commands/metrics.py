from typing import Any

from vodplatform.core.metrics import DEFINITIONS
from vodplatform.core.processes.commands import Command as BaseCommand
from vodplatform.site import metrics

HEAD = """# Metrics

`GET /metrics` answers in Prometheus' text format to an admin (a token with the scope `admin`, a JWT, the browser's
session) and to `Authorization: Bearer <VOD_METRICS_TOKEN>`. In Prometheus:

```yaml
global: {scrape_interval: 15s}
scrape_configs:
  - job_name: vodplatform
    authorization: {credentials_file: /etc/prometheus/vod-metrics-token}
    static_configs: [{targets: ["127.0.0.1:8000"]}]
```

Counters and histograms are sums over all processes of this machine, since `up` was started. What comes from rows, and
the machine's own figures, are read when somebody asks; a part that cannot be read is left out and counted in
`vod_scrape_errors_total`. Counters of routes carry the route's template, never a path; `unknown` is every address
that is none, `static` the files of the pages, `none` what was refused before a route was found.

Success of everything in the last hour: `vod_job_success_ratio`; over any other time:
`sum by (kind) (increase(vod_job_outcomes_total{outcome="completed"}[1d]))
/ sum by (kind) (increase(vod_job_outcomes_total{outcome=~"completed|failed"}[1d]))`.

This page is made by `manage.py metrics`.

| metric | type | labels | what it says |
| --- | --- | --- | --- |
"""


class Command(BaseCommand):
    help = "Print docs/reference/metrics.md."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        assert metrics.COLLECTORS  # the module's import registers definitions
        rows = []
        for definition in sorted(DEFINITIONS.values(), key=lambda found: found.name):
            labels = ", ".join(f"`{label}`" for label in definition.labels)
            rows.append(f"| `{definition.name}` | {definition.type} | {labels} | {definition.help} |")
        self.stdout.write(HEAD + "\n".join(rows))

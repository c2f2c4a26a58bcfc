from typing import Any

from vodplatform.core.metrics import DEFINITIONS
from vodplatform.core.processes.commands import Command as BaseCommand
from vodplatform.site import metrics

HEAD = """# Metrics

`GET /metrics` returns the metrics in Prometheus' text format. It accepts two kinds of clients: admins, and clients that
send `Authorization: Bearer <VOD_METRICS_TOKEN>`. An admin uses a token with the scope `admin`, a JWT, or the browser's
session. This is a configuration for Prometheus:

```yaml
global: {scrape_interval: 15s}
scrape_configs:
  - job_name: vodplatform
    authorization: {credentials_file: /etc/prometheus/vod-metrics-token}
    static_configs: [{targets: ["127.0.0.1:8000"]}]
```

- Counters and histograms are sums over all processes of this machine since `up` was started.
- Each scrape reads most gauges from the database and from the machine. If a gauge cannot be read, the answer omits it
  and `vod_scrape_errors_total` increases.
- The label `route` contains the template of the route, never a path. It has the value `unknown` for all unknown
  addresses, `static` for the files of the pages, and `none` for requests that the server refused before it found a
  route.

`vod_job_success_ratio` is the share of successful jobs in the last hour. This query computes the share for the last
day:
`sum by (kind) (increase(vod_job_outcomes_total{outcome="completed"}[1d]))
/ sum by (kind) (increase(vod_job_outcomes_total{outcome=~"completed|failed"}[1d]))`.

The command `manage.py metrics` prints this page.

| metric | type | labels | meaning |
| --- | --- | --- | --- |
"""


class Command(BaseCommand):
    help = "Print docs/reference/metrics.md."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        assert metrics.COLLECTORS
        rows = []
        for definition in sorted(DEFINITIONS.values(), key=lambda found: found.name):
            labels = ", ".join(f"`{label}`" for label in definition.labels)
            rows.append(f"| `{definition.name}` | {definition.type} | {labels} | {definition.help} |")
        self.stdout.write(HEAD + "\n".join(rows))

"""``make cluster-check``: the shipped alerts by Prometheus's own tool."""

from __future__ import annotations

import subprocess

from tests.support.program import PROJECT_ROOT


def test_each_alert_fires_where_it_must_and_not_beside_it() -> None:
    rules = PROJECT_ROOT / "deploy" / "alerts.test.yaml"
    tried = subprocess.run(["promtool", "test", "rules", str(rules)], capture_output=True, text=True, check=False)
    assert tried.returncode == 0, tried.stdout + tried.stderr

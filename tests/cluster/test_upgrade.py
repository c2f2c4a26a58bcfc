"""``make cluster-check``: an upgrade with migrations while people work, host by host, as the guide says it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.load import check_nothing_is_wrong, work_while_hosts_change
from tests.cluster.topology import Cluster, Host, running_cluster
from tests.support.program import PROJECT_ROOT
from tests.support.releases import LAST_RELEASE, unpack_release


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    """A cluster of the previous release."""
    with running_cluster(unpack_release(LAST_RELEASE, tmp_path / "previous")) as found:
        yield found


def test_hosts_are_upgraded_in_turn_while_people_work(cluster: Cluster, tmp_path: Path) -> None:
    migrations = "SELECT count(*) FROM django_migrations"
    [(before,)] = cluster.place.query(migrations)
    releases = []

    def upgrade(host: Host) -> None:
        host.install(PROJECT_ROOT)
        if not releases:
            cluster.place.manage("migrate", "--verbosity", "0")
        releases.append(host.name)

    work_while_hosts_change(cluster, tmp_path, upgrade)
    assert releases == list(cluster.hosts)
    [(after,)] = cluster.place.query(migrations)
    assert after >= before
    check_nothing_is_wrong(cluster)

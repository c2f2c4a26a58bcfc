"""``make cluster``: a cluster that serves until Ctrl-C, and where its parts are."""

import os
import signal
import tempfile

import django


def main() -> None:
    """Run it in the foreground."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.default_int_handler)
    with tempfile.TemporaryDirectory(prefix="vod-test-") as folder:
        os.environ.setdefault("VOD_DATA_DIR", folder)
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "vodplatform.settings.test")
        django.setup()
        from tests.cluster.topology import ACCOUNT, PASSWORD, running_cluster

        try:
            with running_cluster() as cluster:
                for host in cluster.hosts.values():
                    print(f"{host.name}{f' on port {host.port}' if host.port else ''}: {host.folder}")
                for server in cluster.servers.values():
                    print(f"{server.name} on port {server.port}: {server.folder}")
                print(f"bucket {cluster.bucket.name} at {cluster.bucket.direct}")
                print(f"account {ACCOUNT}, password {PASSWORD}, key {cluster.place.key}")
                print(f"ready {cluster.address}/ (its certificate is {cluster.certificate})", flush=True)
                signal.pause()
        except KeyboardInterrupt:
            print("stopped", flush=True)


if __name__ == "__main__":
    main()

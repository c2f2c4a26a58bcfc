"""``python -m tests.torture.enqueue``: queue the jobs whose parameters come on stdin; prints their ids as JSON."""

import json
import sys

import django


def main() -> None:
    django.setup()
    from jobs_app import services
    from vodplatform.accounts.models import User

    owner = User.objects.get(username=sys.argv[1])
    wanted = json.load(sys.stdin)
    print(json.dumps([str(services.enqueue(item.pop("kind", "synthetic"), owner, item).pk) for item in wanted]))


if __name__ == "__main__":
    main()

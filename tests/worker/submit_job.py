"""A process that submits one job and ends: `python -m tests.worker.submit_job TYPE PAYLOAD`, for killing on its way."""

import json
import sys

import django


def main(job_type: str, payload: str) -> None:
    django.setup()
    from jobs import operations
    from opsconsole.audit import Actor, Entity

    submitted = operations.submit_run(
        operation="tests.trigger",
        title="A test",
        requests=[operations.JobRequest(job_type=job_type, payload=json.loads(payload))],
        actor=Actor(name="olivia", via="command"),
        entity=Entity(type="job"),
    )
    sys.stdout.write(f"{submitted.message}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])

"""The key by which the core's ledger knows that two jobs are the same work."""

import hashlib
import json


def dedupe_key(queue_name: str, job_type: str, payload: object) -> str:
    """Compute the key of a job.

    Args:
        queue_name: The queue of its row.
        job_type: The type of its row.
        payload: Anything that JSON can hold.

    Returns:
        64 hex digits.
    """
    work = {"queue": queue_name, "type": job_type, "payload": payload}
    text = json.dumps(work, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()

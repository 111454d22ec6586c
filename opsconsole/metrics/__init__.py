"""Numbers for Prometheus at /metrics: how the work is getting on, and what the verdict says of it.

Every label has few values: statuses, job types and queues that the catalog knows, identities up to a number. No name
that a person gave, no error and no text is a label or a value.
"""

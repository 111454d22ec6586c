"""Retrying or cancelling all jobs that match a filter: first what that would do, then a job of its own that does it.

`selection` is the frozen set of jobs, `preview` says what would become of them, `operations` asks for it,
`carrying_out` is what the job does, in `batches`, each of which is one transaction.
"""

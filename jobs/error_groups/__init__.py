"""Failures of jobs, grouped: those of one type whose errors say the same but for numbers, ids, times and names.

`fingerprint` says which failures are the same. What attempts end as (`telling`) and failed rows that others write
(`ledger_rows`) is folded into groups in the background (`folding`), and forgotten after a while (`forgetting`);
`reading` is what pages and answers show.

What the numbers mean. A failure is a job that ended as failed, each time that it did; an attempt that is tried again is
none yet. Counts go by the quarter of an hour. A failed row that the console did not see fail counts once, when it was
changed last.
"""

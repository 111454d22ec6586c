"""Proves that nothing is lost and nothing done twice while the processes die: what script/chaos runs.

It starts the same console as script/server, asks for work at a steady rate, kills and starts again every process under
it, and then compares what was answered, what the database holds and what was really done. Everything that it breaks
is its own: it refuses to run on a database or a broker that exists.
"""

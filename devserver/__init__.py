"""One command that brings up the console: a PostgreSQL and a Redis of its own, the Procfile's processes, a supervisor.

For trying out, developing and testing; the tests use its PostgreSQL and Redis too. Not for production, where the
servers exist and something else supervises. Everything it keeps is in one data folder.
"""

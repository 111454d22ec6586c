"""What makes a demonstration live: sample data, a provider's archive and a stand-in for the core's worker.

Nothing of the console imports this package, and it imports neither Django nor the console.
"""

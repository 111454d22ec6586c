"""Periodic tasks: when beat will start them, whether it does, and what people can change about them."""

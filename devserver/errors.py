"""What can keep the console from starting, in sentences for whoever typed the command."""


class StartError(Exception):
    """Something could not be started; the message is a whole sentence."""

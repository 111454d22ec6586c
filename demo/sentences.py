"""Harmless sentences and invented names, to stand for what people write and call themselves."""

import random

_OPENINGS = (
    "Hi, ",
    "Hello again, ",
    "Thanks, ",
    "Sorry for the late answer, ",
    "Quick question: ",
    "By the way, ",
    "Good morning, ",
    "No hurry, but ",
    "",
    "",
)
_MIDDLES = (
    "the parcel arrived this morning and everything is in one piece",
    "I could come by on Thursday afternoon if that still suits you",
    "the second photo is much better than the first",
    "would you sell the oak shelf without the brackets",
    "my neighbour has the same lamp and swears by it",
    "the path behind the mill is open again since last week",
    "we have moved the reading group to the first Tuesday of the month",
    "I have tried your recipe and it needs a little less salt",
    "is the old bicycle stand still for sale",
    "the ferry leaves at ten past nine on weekdays",
    "I can send you the drawing as a file tonight",
    "the new edition has two more chapters and a better map",
    "let me know which of the two colours you prefer",
    "the workshop is closed until the end of the month",
    "your answer helped a lot and the hinge is fixed now",
    "I will be at the market with the green van",
    "there were three kestrels over the fen this morning",
    "the tide table that you posted was for the wrong harbour",
    "could you keep one copy of the calendar for me",
    "we should write down what we agreed about the garden",
)
_CLOSINGS = (
    ".",
    ". Let me know!",
    ", if that is all right.",
    ". See you soon.",
    ". Thank you for asking.",
    " :)",
    ". I will write again tomorrow.",
)

BODIES = tuple(f"{a}{b}{c}" for a in _OPENINGS for b in _MIDDLES for c in _CLOSINGS)
"""1,400 short messages. None holds a tab, a line break or a backslash: they can be copied as they are."""

_ADJECTIVES = (
    "amber", "brisk", "calm", "dusty", "early", "faded", "gentle", "hollow", "idle", "jolly", "keen",
    "late", "mellow", "narrow", "olive", "plain", "quick", "rusty", "silent", "tall", "upper", "velvet",
    "windy", "young",
)  # fmt: skip
_NOUNS = (
    "anchor", "badger", "candle", "dune", "elm", "fiddle", "gravel", "heron", "inkwell", "juniper",
    "kettle", "lantern", "meadow", "needle", "otter", "pebble", "quarry", "raven", "saddle", "thistle",
    "umber", "violin", "willow", "yarrow",
)  # fmt: skip
_HOSTS = ("harbour.example", "coast.example", "letters.example", "tower.example", "fen.example")


def invent_username(rng: random.Random, *, federated: bool) -> str:
    """Make up the name of somebody the owner writes to.

    Args:
        rng: Where the choices come from.
        federated: Whether names have a host, as in `name@host`.

    Returns:
        A name; two calls may return the same one.
    """
    words = rng.choice(_ADJECTIVES), rng.choice(_NOUNS)
    style = rng.randrange(4)
    if style == 0:
        name = f"{words[0]}_{words[1]}{rng.randrange(1000)}"
    elif style == 1:
        name = f"{words[0].title()}{words[1].title()}{rng.randrange(1950, 2012)}"
    elif style == 2:
        name = f"the{words[0]}{words[1]}"
    else:
        name = f"{words[1]}-{rng.randrange(10000)}"
    if federated:
        return f"{name.lower().replace('-', '_')}@{rng.choice(_HOSTS)}"
    return name

"""Text of strangers, made harmless for a screen: nothing in it steers a terminal or hides what it says. Pure."""


def printable(text: str) -> str:
    """Events contain what strangers wrote: nothing that would steer a terminal is passed on."""
    return "".join(letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in text)

"""Lines for tests that compare full sets: all different, of many lengths, with every printable ASCII character and some beyond."""

import random
import string


def many_lines(count, seed=1, longest=4000):
    """No line is empty or ends in white space; one in a thousand is long, some hold two-, three- and four-byte UTF-8."""
    rng = random.Random(seed)
    alphabet = string.ascii_letters + string.digits + string.punctuation + "  "
    pool = "".join(rng.choice(alphabet) for _ in range(longest * 2))
    lines = []
    for number in range(count):
        length = rng.randrange(200, longest) if number % 1000 == 999 else rng.randrange(0, 160)
        start = rng.randrange(longest)
        text = "%07d " % number + pool[start : start + length]
        if number % 50 == 7:
            text += " Zürich 東京 🐘"
        lines.append(text.rstrip() + "|")
    return lines

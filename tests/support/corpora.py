"""Records in every framing, encoding and newline policy, with the text that must come out. Written apart from the product's codec: from the descriptor
words of IBM's "z/OS DFSMS Using Data Sets" and the table of transfer variants in its own words here, with Python's codecs where Python has the page
and the program iconv where not.

A record is a list of pieces: text, or NEL or LF, which stand for the page's two newlines inside a record.
"""

import collections
import itertools
import random
import subprocess

NEL, LF = object(), object()

FRAMINGS = ("line", "rdw", "bdw", "fixed", "u32", "rdw-exclusive", "rdw-le", "rdw-le-exclusive")
NEWLINES = ("any", "nel", "lf", "swapped")
PYTHON = {"IBM-037": "cp037", "IBM-500": "cp500", "IBM-1140": "cp1140", "UTF-8": "utf-8", "UTF-16LE": "utf-16-le",
          "UTF-16BE": "utf-16-be", "ISO-8859-1": "latin-1", "ISO-8859-15": "iso8859-15", "windows-1252": "cp1252"}
SINGLE = tuple("IBM-%03d" % page for page in (37, 273, 277, 278, 280, 284, 285, 297, 500, 871, 1047, *range(1140, 1150)))
DOUBLE = {"IBM-930": "\u6f22\u5b57\u30ab\u30ca\u3042\u3044", "IBM-933": "\ud55c\uad6d\uc5b4\ubb38\uc790", "IBM-935": "\u6c49\u5b57\u7b80\u4f53\u6587",
          "IBM-937": "\u6f22\u5b57\u7e41\u9ad4\u6587", "IBM-939": "\u6f22\u5b57\u30ab\u30ca\u3042\u3044", "IBM-1364": "\ud55c\uad6d\uc5b4\ubb38\uc790",
          "IBM-1371": "\u6f22\u5b57\u7e41\u9ad4\u6587", "IBM-1388": "\u6c49\u5b57\u7b80\u4f53\u6587", "IBM-1390": "\u6f22\u5b57\u30ab\u30ca\u3042\u3044",
          "IBM-1399": "\u6f22\u5b57\u30ab\u30ca\u3042\u3044"}
OTHERS = ("UTF-8", "UTF-16LE", "UTF-16BE", "ISO-8859-1", "ISO-8859-15", "windows-1252", "IBM-424", "IBM-1026", "IBM-1025", "IBM-875")
ENCODINGS = SINGLE + tuple(DOUBLE) + OTHERS
PLAIN = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 .,-()/+*='"  # at the same place in every EBCDIC page but the Katakana ones' lower case
WIDE = {"UTF-8": "\u20ac\u6f22\U0001f40c\u00e9\u00a0\ufffd", "UTF-16LE": "\u20ac\u6f22\U0001f40c\u00e9\u0a0a\u0d0a\u850a", "UTF-16BE": "\u20ac\u6f22\U0001f40c\u00e9\u0a0a\u0d0a\u0a85"}

Corpus = collections.namedtuple("Corpus", "data expected lrecl")


def ebcdic(encoding):
    return encoding.startswith("IBM-")


def policies(encoding):
    return NEWLINES if ebcdic(encoding) else NEWLINES[:3]


def has_nel(encoding):
    """Whether the encoding has U+0085 (the others have a letter, or nothing, in its place)."""
    return ebcdic(encoding) or encoding in ("UTF-8", "UTF-16LE", "UTF-16BE", "ISO-8859-1")


class Encoder:
    """Characters to bytes: `letters` are those that records are made of."""

    def __init__(self, encoding):
        self.encoding = encoding
        self.codec = PYTHON.get(encoding)
        self.cache = {}
        self.letters = PLAIN
        if encoding in DOUBLE:
            self.letters = PLAIN + DOUBLE[encoding] * 6
        elif encoding in WIDE:
            self.letters = PLAIN + WIDE[encoding]
        else:
            # Where glibc has another character than IBM (test_pages.c), that does not serve as a letter.
            wrong = {"IBM-278": b"\x71\xe0", "IBM-285": b"\xa1", "IBM-871": b"\x4a\xc0"}.get(encoding, b"")
            table = self.table()
            self.cache = {character: bytes([byte]) for byte, character in table.items()}
            extra = [character for byte, character in table.items() if byte not in wrong and 0x40 <= byte < 0xFF and character.isprintable()]
            self.letters = PLAIN * 4 + "".join(character for character in extra if character not in PLAIN)

    def iconv(self, data, *arguments):
        return subprocess.run(["iconv", *arguments], input=data, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout

    def name(self):
        return {"IBM-875": "CP875"}.get(self.encoding, self.encoding.replace("IBM-", "IBM"))

    def table(self):
        """{byte: character} of a single-byte page."""
        if self.codec:
            decoded = ((byte, bytes([byte]).decode(self.codec, "ignore")) for byte in range(256))
            return {byte: character for byte, character in decoded if character}
        data = b"".join(bytes([byte, 0x25]) for byte in range(256) if byte not in (0x15, 0x25))
        characters = iter(self.iconv(data, "-c", "-f", self.name(), "-t", "UTF-8").decode().split("\n"))
        return {byte: character for byte, character in zip((byte for byte in range(256) if byte not in (0x15, 0x25)), characters) if character}

    def encode(self, text):
        """One piece of text; a double-byte page begins and ends unshifted."""
        if self.codec:
            return text.encode(self.codec)
        missing = list(dict.fromkeys(run for run in self.runs(text) if run not in self.cache))
        if missing:
            found = self.iconv("\n".join(missing).encode(), "-f", "UTF-8", "-t", self.name()).split(b"\x25")
            assert len(found) == len(missing) and all(found), (self.encoding, missing)
            self.cache.update(zip(missing, found))
        return b"".join(self.cache[run] for run in self.runs(text))

    def prepare(self, texts):
        """Encodes all at once what encode() will be asked for."""
        if not self.codec:
            self.encode("".join(texts))

    def runs(self, text):
        """Single characters where each has its own bytes; whole words of double-byte characters, which one SO and one SI surround."""
        if self.encoding not in DOUBLE:
            return list(text)
        runs = []
        for character in text:
            double = character not in PLAIN
            if runs and double and runs[-1][-1] not in PLAIN and len(runs[-1]) < 2:
                runs[-1] += character
            else:
                runs.append(character)
        return runs

    def newline(self, which):
        if ebcdic(self.encoding):
            return b"\x15" if which is NEL else b"\x25"
        return ("\x85" if which is NEL else "\n").encode(self.codec)

    def cr(self):
        return b"\x0d" if ebcdic(self.encoding) else "\r".encode(self.codec)

    def blank(self):
        return b"\x40" if ebcdic(self.encoding) else " ".encode(self.codec)


def text_of(record, newline):
    """What the record must read, by the policy."""
    nel = {"any": "\n", "nel": "\n", "lf": "\x85", "swapped": "\n"}[newline]
    lf = "\x85" if newline == "swapped" else "\n"
    return "".join(nel if piece is NEL else lf if piece is LF else piece for piece in record)


def inner_newlines(framing, encoding, newline):
    """The newlines that a record may hold: in lines, those that do not end them."""
    if not has_nel(encoding):
        return [LF] if framing != "line" else []
    if framing != "line":
        return [NEL, LF]
    return {"any": [], "nel": [LF], "lf": [NEL], "swapped": [LF]}[newline]


def line_ends(encoding, newline):
    if not has_nel(encoding):
        return [] if newline == "nel" else [LF]
    return {"any": [NEL, LF], "nel": [NEL], "lf": [LF], "swapped": [NEL]}[newline]


def make_record(rng, encoder, inner, longest):
    pieces = []
    for _ in range(rng.choice((0, 1, 1, 1, 2, 3)) if inner else 1):
        pieces.append("".join(rng.choice(encoder.letters) for _ in range(rng.randrange(1, longest))))
        if inner and rng.random() < 0.4:
            pieces.append(rng.choice(inner))
    pieces.append(rng.choice("ABCXYZ"))  # no blank at the end, and no CR in front of a line end
    return pieces


def word(framing, size, segment=0):
    if framing in ("rdw", "bdw"):
        return (size + 4).to_bytes(2, "big") + bytes((segment, 0))
    if framing == "u32":
        return size.to_bytes(4, "big")
    if framing == "rdw-exclusive":
        return size.to_bytes(2, "big") + b"\0\0"
    return b"\0\0" + (size + (4 if framing == "rdw-le" else 0)).to_bytes(2, "little")


def segments(rng, framing, data):
    """The record whole, or as a first, some middle and a last segment (mostly large enough to be worth it)."""
    if rng.random() < 0.6 or len(data) < 4:
        return [word(framing, len(data)) + data]
    cuts = sorted(rng.randrange(0, len(data) + 1) for _ in range(rng.randrange(1, 4)))
    parts = [data[begin:end] for begin, end in zip([0] + cuts, cuts + [len(data)])]
    codes = [1] + [3] * (len(parts) - 2) + [2]
    return [word(framing, len(part), code) + part for part, code in zip(parts, codes)]


def blocks(rng, records):
    """Descriptor words of blocks around records and segments; a spanned record may go on in the next block."""
    out = []
    while records:
        count = rng.randrange(1, 9)
        inside, records = b"".join(records[:count]), records[count:]
        extended = rng.random() < 0.1
        out.append(((len(inside) + 4) | 0x80000000).to_bytes(4, "big") if extended else (len(inside) + 4).to_bytes(2, "big") + b"\0\0")
        out.append(inside)
    return b"".join(out)


def frame(rng, encoder, framing, newline, encoded):
    """(bytes, lrecl) of records already encoded."""
    if framing == "line":
        ends = line_ends(encoder.encoding, newline)
        return b"".join(data + (encoder.cr() if rng.random() < 0.1 else b"") + encoder.newline(rng.choice(ends)) for data in encoded), None
    if framing == "fixed":
        lrecl = max(len(data) for data in encoded)
        lrecl += lrecl % len(encoder.blank())
        return b"".join(data + encoder.blank() * ((lrecl - len(data)) // len(encoder.blank())) for data in encoded), lrecl
    if framing in ("rdw", "bdw"):
        pieces = [segment for data in encoded for segment in segments(rng, framing, data)]
        return (blocks(rng, pieces) if framing == "bdw" else b"".join(pieces)), None
    return b"".join(word(framing, len(data)) + data for data in encoded), None


ENCODERS = {}


def encoder_of(encoding):
    if encoding not in ENCODERS:
        ENCODERS[encoding] = Encoder(encoding)
    return ENCODERS[encoding]


def possible(framing, encoding, newline):
    return newline in policies(encoding) and (framing != "line" or bool(line_ends(encoding, newline)))


def make(framing, encoding, newline, records=60, seed=1, texts=None):
    """A corpus of random records, or of `texts`."""
    rng = random.Random("%s %s %s %d" % (framing, encoding, newline, seed))
    encoder = encoder_of(encoding)
    inner = inner_newlines(framing, encoding, newline)
    if texts is None:
        pieces = [make_record(rng, encoder, inner, 90) for _ in range(records)]
    else:
        pieces = [[text] for text in texts]
    if encoding in DOUBLE:
        for size in (1, 2):  # every run there can be, in one go
            encoder.prepare("A".join(map("".join, itertools.product(DOUBLE[encoding], repeat=size))))
    encoded = [b"".join(encoder.newline(piece) if piece in (NEL, LF) else encoder.encode(piece) for piece in record) for record in pieces]
    data, lrecl = frame(rng, encoder, framing, newline, encoded)
    return Corpus(data, [text_of(record, newline) for record in pieces], lrecl)

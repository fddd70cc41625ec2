#!/usr/bin/env python3
"""Writes ebcdic_tables.c: the single-byte EBCDIC pages of which every byte is a code point of ISO-8859-1, from the C library's iconv.

    inputs/codec/ebcdic_tables.py >inputs/codec/ebcdic_tables.c

Pages 037 to 871 are taken from their euro twins 1140 to 1149, with the euro put back to the currency sign: glibc 2.36 has three of the old pages wrong
(278: backslash and E acute swapped; 285: U+203E for U+00AF; 871: capital and small thorn swapped), where the twins agree with IBM's own tables (the CDRA
tables as ICU ships them: ibm-278_P100-1995, ibm-285, ibm-297_P100-1995). Each page must be a permutation of ISO-8859-1.
"""

import subprocess

PAGES = {37: 1140, 273: 1141, 277: 1142, 278: 1143, 280: 1144, 284: 1145, 285: 1146, 297: 1147, 500: 1148, 871: 1149, 1047: 1047}


def points(page):
    text = subprocess.run(["iconv", "-f", "IBM%d" % page, "-t", "UTF-16BE"], input=bytes(range(256)), stdout=subprocess.PIPE, check=True).stdout
    return [0xA4 if point == 0x20AC else point for point in (text[i] << 8 | text[i + 1] for i in range(0, len(text), 2))]


print("/* Written by ebcdic_tables.py, which says from what. Do not edit. */")
print('#include "codec/charset_tables.h"\n')
for page, source in PAGES.items():
    table = points(source)
    assert sorted(table) == list(range(256)), "page %d is no permutation" % page
    print("const uint8_t ebcdic_%03d[256] = {" % page)
    for row in range(0, 256, 16):
        print("\t%s," % ", ".join("0x%02x" % point for point in table[row : row + 16]))
    print("};%s" % ("" if page == 1047 else "\n"))

"""Files that are made to do harm, or to look like something else, each as small as it can be."""

import gzip
import io
import struct
import tarfile
import zipfile
from collections.abc import Mapping

ZEROS = bytes(1 << 20)
SCRIPT = b"<!doctype html><script>alert(document.cookie)</script>"
PDF = b"%PDF-1.7\n" + b"content " * 100 + b"\n%%EOF\n"
OLE = bytes.fromhex("d0cf11e0a1b11ae1") + bytes(2000)
MP4 = b"\x00\x00\x00\x20ftypisom\x00\x00\x02\x00isomiso2avc1mp41"
PROGRAMS = {
    "ELF": b"\x7fELF\x02\x01\x01" + bytes(60),
    "PE": b"MZ\x90\x00" + bytes(56) + (64).to_bytes(4, "little") + b"PE\0\0",
    "Mach-O": bytes.fromhex("cffaedfe07000001") + bytes(60),
    "Mach-O for several processors": bytes.fromhex("cafebabe00000002") + bytes(60),
    "script": b"#!/bin/sh\nrm -rf ~\n",
}


def zipped(members: Mapping[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """An honest archive."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", method, compresslevel=1 if method != zipfile.ZIP_LZMA else None) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name), content, method)
    return target.getvalue()


def tarred(members: Mapping[str, bytes], mode: str = "w") -> bytes:
    """An honest tar."""
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode=mode) as archive:  # type: ignore[call-overload]
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return target.getvalue()


def zip_bomb() -> bytes:
    """101 MB of zeros."""
    return zipped({"zeros": ZEROS * 101})


def lying_zip() -> bytes:
    """A megabyte that says in both its headers to have ten bytes."""
    content = bytearray(zipped({"zeros": ZEROS}))
    central = content.index(b"PK\x01\x02")
    content[22:26] = content[central + 24 : central + 28] = struct.pack("<I", 10)
    return bytes(content)


def overlapping_zip(times: int = 50) -> bytes:
    """Many names for the bytes of one member: https://www.bamsoftware.com/hacks/zipbomb/#overlap."""
    content = zipped({"kernel": ZEROS})
    start, end = content.index(b"PK\x01\x02"), content.index(b"PK\x05\x06")
    directory = content[start:end] * times
    tail = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, times, times, len(directory), start, 0)
    return content[:start] + directory + tail


def crowded_zip() -> bytes:
    """More files than anybody opens."""
    return zipped(dict.fromkeys((str(number) for number in range(10_001)), b""))


def deep_zip(levels: int) -> bytes:
    """An archive in an archive, and so on."""
    content = b"at the bottom"
    for _ in range(levels + 1):
        content = zipped({"inner.zip": content})
    return content


def branching_zip() -> bytes:
    """Small archives that only together unpack to too much."""
    inner = zipped({"zeros": ZEROS * 26})
    return zipped({f"{number}.zip": inner for number in range(4)})


def zip_behind_something() -> bytes:
    """Begins as an archive, and another one is the one that is opened."""
    return zipped({"harmless": b"x"}, zipfile.ZIP_STORED)[:40] + zipped({"other": b"y"})


def gzip_bomb() -> bytes:
    """101 MB of zeros in several members, of which each seems small."""
    return gzip.compress(ZEROS * 26, 1) * 4


def tar_gzip_bomb() -> bytes:
    """The same as a file of a tar."""
    return tarred({"zeros": ZEROS * 101}, "w:gz")


def sparse_tar() -> bytes:
    """One file of a tebibyte of which not a byte is there (GNU tar, sparse format 0)."""
    header = bytearray(512)
    header[:5] = b"holes"
    header[100:108] = b"0000644\0"
    header[124:136] = b"00000000000\0"
    header[136:148] = b"00000000000\0"
    header[156:157] = b"S"
    header[257:265] = b"ustar  \0"
    header[483:495] = b"\x80" + (1 << 40).to_bytes(11, "big")
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header) + bytes(1024)


def tar_with_device() -> bytes:
    """Unpacked by somebody mighty, it gives the disk away."""
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as archive:
        device = tarfile.TarInfo("disk")
        device.type = tarfile.BLKTYPE
        archive.addfile(device)
    return target.getvalue()


def tar_that_runs(program: bytes) -> bytes:
    """A tar whose first name is a program, with the right checksum."""
    header = bytearray(tarred({"x": b""})[:512])
    header[: len(program)] = program
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header) + bytes(1024)

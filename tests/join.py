"""Joins a link as the child that was started, in plain Python: docs/layout.md and docs/wire.md, step by step.

Serves lane 0: sends each DATA frame back until the other end closes. It spins on the ring's words, so the other end must
not sleep (this program rings no bell). An aligned word is loaded and stored whole through memoryview.cast; the order of
stores is that of the processor, which suffices on x86-64.
"""

import array
import fcntl
import mmap
import os
import socket
import struct
import sys
import time

MAGIC = b"TRAPLINE"
OFFER, ACCEPT, READY, REFUSE = 1, 2, 3, 4
PAGE, LANE_TABLE, LANE_BLOCKS, LANE_BLOCK = 4096, 0x400, 0x1400, 0x600
STATE, CLOSED = 0x100, 2
REQUEST, REPLY, EVENTS = 0, 1, 2  # rings, in the order of the layout
SERVING = 0x280
FRAME, PAD, SKIP = 1, 2, 3
DATA = 5
MESSAGE = struct.Struct("<8sHHIQIII28x")
F_ADD_SEALS, F_GET_SEALS = 1033, 1034
SEALS = 0x1 | 0x2 | 0x4 | 0x10  # SEAL, SHRINK, GROW, FUTURE_WRITE


def receive(control, kind, files):
    """A message, with exactly `files` file descriptors beside it."""
    space = socket.CMSG_SPACE(16 * 4) + socket.CMSG_SPACE(12)
    data, beside, flags, _ = control.recvmsg(128, space, socket.MSG_CMSG_CLOEXEC)
    fds = array.array("i")
    for level, what, payload in beside:
        if level == socket.SOL_SOCKET and what == socket.SCM_RIGHTS:
            fds.frombytes(payload[: len(payload) // 4 * 4])
    if len(data) != MESSAGE.size or flags & socket.MSG_CTRUNC:
        sys.exit(f"no message: {len(data)} bytes")
    magic, major, _minor, said, length, lanes, active_lanes, refusal = MESSAGE.unpack(data)
    if magic != MAGIC or major != 1:
        sys.exit(f"another protocol: {magic} {major}")
    if said == REFUSE:
        sys.exit(f"refused, reason {refusal}")
    if said != kind or len(fds) != files:
        sys.exit(f"message {said} with {len(fds)} files")
    return length, lanes, active_lanes, list(fds)


def attach(fd, length, lanes, active_lanes):
    """The other side's segment, read-only: seals first, then the size, then a copy of its front."""
    if fcntl.fcntl(fd, F_GET_SEALS) & SEALS != SEALS or os.fstat(fd).st_size != length:
        sys.exit("not a segment")
    theirs = mmap.mmap(fd, length, mmap.MAP_SHARED, mmap.PROT_READ)
    os.close(fd)
    front = struct.unpack("<8sHHIQII", theirs[:32])
    if front[:2] + front[3:] != (MAGIC, 1, 1, length, lanes, active_lanes):
        sys.exit(f"not the segment of this link: {front}")
    if active_lanes != 0:
        sys.exit("lane 0 is not driven by the other side")
    blocks_end = LANE_BLOCKS + lanes * LANE_BLOCK
    offset, capacity = struct.unpack("<QQ", theirs[LANE_TABLE + 8 : LANE_TABLE + 24])
    whole = capacity >= PAGE and capacity & (capacity - 1) == 0
    if not whole or offset < blocks_end or offset % PAGE or offset + capacity > length:
        sys.exit(f"no ring: {offset} {capacity}")
    return theirs, (offset, capacity)


def make(lanes, active_lanes, capacity):
    """A segment of the active side: its requests where it drives, else its replies and events."""
    end = -(-(LANE_BLOCKS + lanes * LANE_BLOCK) // PAGE) * PAGE
    table = b""
    for lane in range(lanes):
        drives = lane < active_lanes
        rings = []
        for ring in (REQUEST, REPLY, EVENTS):
            mine = (ring == REQUEST) == drives
            rings += [end, capacity] if mine else [0, 0]
            end += capacity if mine else 0
        table += struct.pack("<II6QQ", 0 if drives else 1, 0, *rings, 0)
    fd = os.memfd_create("segment", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.ftruncate(fd, end)
    own = mmap.mmap(fd, end)
    # Written through the mapping that was made before the seals.
    fcntl.fcntl(fd, F_ADD_SEALS, SEALS)
    own[:32] = struct.pack("<8sHHIQII", MAGIC, 1, 0, 0, end, lanes, active_lanes)
    own[LANE_TABLE : LANE_TABLE + len(table)] = table
    return own, fd


def join():
    """The handshake, as the active end."""
    control = socket.socket(fileno=int(os.environ["TRAPLINE_LINK"]))
    control.set_inheritable(False)
    length, lanes, active_lanes, (fd,) = receive(control, OFFER, 1)
    theirs, requests = attach(fd, length, lanes, active_lanes)
    own, fd = make(lanes, active_lanes, 1 << 16)
    message = MESSAGE.pack(MAGIC, 1, 0, ACCEPT, len(own), 0, 0, 0)
    rights = array.array("i", [fd])
    control.sendmsg([message], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)])
    os.close(fd)
    receive(control, READY, 0)
    return control, own, theirs, requests


def position(ring):
    """Offset of a position word of lane 0."""
    return LANE_BLOCKS + ring * 0x80


class Reader:
    """The end of a ring that the other side writes."""

    def __init__(self, own, theirs, ring):
        self.base, self.capacity = ring
        self.theirs, self.words = theirs, memoryview(theirs).cast("Q")
        self.tail, self.own = position(REQUEST) // 8, memoryview(own).cast("Q")
        self.head = 0

    def next(self):
        """The payload of the next frame, None where there is none yet."""
        tail = self.words[self.tail]
        while self.head != tail:
            offset = self.head % self.capacity
            header = self.words[(self.base + offset) // 8]
            kind, length = header >> 32, header & 0xFFFFFFFF
            size = 8 + (length + 7) // 8 * 8
            if kind not in (FRAME, PAD, SKIP) or self.head + size > tail or offset + size > self.capacity:
                sys.exit(f"no record: {header:#x}")
            start = self.base + offset + 8
            payload = self.theirs[start : start + length] if kind == FRAME else None
            self.head += size
            self.own[self.tail] = self.head  # gives the room back
            if payload is not None:
                return payload
        return None


class Writer:
    """The end of a ring that this side writes."""

    def __init__(self, own, theirs):
        entry = LANE_TABLE + 8 + REPLY * 16
        self.base, self.capacity = struct.unpack_from("<QQ", own, entry)
        self.own, self.words = own, memoryview(own).cast("Q")
        self.head, self.theirs = position(REPLY) // 8, memoryview(theirs).cast("Q")
        self.tail = 0

    def send(self, payload):
        """Writes a frame; waits for room."""
        size = 8 + (len(payload) + 7) // 8 * 8
        rest = self.capacity - self.tail % self.capacity
        pad = rest if rest < size else 0
        while self.tail + pad + size - self.theirs[self.head] > self.capacity:
            pass
        if pad:
            self.words[(self.base + self.tail % self.capacity) // 8] = PAD << 32 | (pad - 8)
        at = self.base + (self.tail + pad) % self.capacity
        self.own[at + 8 : at + 8 + len(payload)] = payload
        self.words[at // 8] = FRAME << 32 | len(payload)
        self.tail += pad + size
        self.words[self.head] = self.tail  # one store publishes it all


def main():
    control, own, theirs, requests = join()
    states = memoryview(theirs).cast("I"), memoryview(own).cast("I")
    states[1][(LANE_BLOCKS + SERVING) // 4] = 1
    reader, writer = Reader(own, theirs, requests), Writer(own, theirs)
    looked = time.monotonic()
    while True:
        closed = states[0][STATE // 4] == CLOSED
        frame = reader.next()
        if frame is not None:
            if frame[0] != DATA:
                sys.exit(f"frame of kind {frame[0]}")
            writer.send(frame)
        elif closed:
            break
        elif time.monotonic() > looked + 0.1:
            looked = time.monotonic()
            control.setblocking(False)
            try:
                if control.recv(1) == b"":
                    sys.exit("the other end has gone")
            except BlockingIOError:
                pass
    states[1][STATE // 4] = CLOSED


main()

"""Two ends of a long and bad line: TUN devices, and what lies between them.

Called as `relay.py LEFT RIGHT DELAY_MS LOSS_PERCENT QUEUE_LEN SEED`. Prints "ready" once there are both devices, which
somebody else may then move into other network namespaces, and goes on until its standard input ends. A packet that does
not fit into the queue is lost, as at a router. See Documentation/networking/tuntap.rst of the kernel.
"""

import collections
import fcntl
import os
import random
import select
import struct
import sys
import time

TUNSETIFF = 0x400454CA
IFF_TUN, IFF_NO_PI = 0x0001, 0x1000
PACKET_LEN_MAX = 65536


def device(name):
    tun = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(tun, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TUN | IFF_NO_PI))
    return tun


def main():
    left, right = device(sys.argv[1]), device(sys.argv[2])
    delay, loss = int(sys.argv[3]) / 1000, int(sys.argv[4]) / 100
    queue_len_max, chance = int(sys.argv[5]), random.Random(int(sys.argv[6]))
    other = {left: right, right: left}
    queues = {left: collections.deque(), right: collections.deque()}
    print("ready", flush=True)
    passed = lost = 0
    while True:
        dues = [queue[0][0] for queue in queues.values() if queue]
        pause = max(0, min(dues) - time.monotonic()) if dues else None
        readable, _, _ = select.select([left, right, sys.stdin], [], [], pause)
        if sys.stdin in readable:
            break
        for source in readable:
            now = time.monotonic()
            # Not so many that those which are due wait.
            for _ in range(64):
                try:
                    packet = os.read(source, PACKET_LEN_MAX)
                except BlockingIOError:
                    break
                queue = queues[other[source]]
                if chance.random() < loss or len(queue) >= queue_len_max:
                    lost += 1
                else:
                    queue.append((now + delay, packet))
        now = time.monotonic()
        for target, queue in queues.items():
            while queue and queue[0][0] <= now:
                try:
                    os.write(target, queue.popleft()[1])
                    passed += 1
                except OSError:
                    lost += 1
    print(f"{passed} {lost}", flush=True)


main()

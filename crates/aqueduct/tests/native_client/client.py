"""A client written from docs/protocol.md alone.

`client.py HOST PORT SCENARIO` fails unless all goes as that page says.
"""

import hashlib
import pathlib
import random
import socket
import sys

from google.protobuf import text_format
from wire import CLASSES, CODES, SEGMENT_LEN, TURN_LEN, Connection, frame, which

SHA256, BLAKE3 = 1, 2
VECTORS = pathlib.Path(__file__).parents[4] / "docs/protocol/vectors"


def digest_of(content):
    return {"algorithm": SHA256, "value": hashlib.sha256(content).digest()}


def noise(size, seed):
    return random.Random(seed).randbytes(size)


def expect(answer, kind, **fields):
    """The answer, if it is of that kind and has these fields."""
    assert which(answer) == kind, answer
    message = getattr(answer, kind)
    for name, value in fields.items():
        actual = getattr(message, name)
        expected = CLASSES["Digest"](**value) if isinstance(value, dict) else value
        assert actual == expected, f"{name}: {actual}, not {expected}"
    return message


def refused(answer, code):
    message = expect(answer, "refused")
    assert CODES.get(message.code) == code, answer
    assert message.message, "somebody has to read it"
    return message


def put(connection, content, **fields):
    fields = {"algorithm": SHA256, "size": len(content), **fields}
    return connection.last(content, put=fields)


def get(connection, digest, **fields):
    """The bytes of a get by their offsets, the blob's size, and its checkpoint list if that was asked for."""
    task = connection.ask(get={"digest": digest, **fields})
    parts, entries, found = [], b"", None
    while True:
        answer, payload = connection.answer(task)
        kind = which(answer)
        if kind == "found":
            assert found is None and not parts
            found = answer.found
        elif kind == "checkpoints":
            assert not parts and answer.checkpoints.first * 32 == len(entries)
            entries += answer.checkpoints.entries
        elif kind == "done":
            assert len(entries) == found.checkpoint_count * 32
            return parts, found.size, entries
        else:
            expect(answer, "data")
            parts.append((answer.data.offset, payload))
            if answer.data.end:
                return parts, answer.data.size, entries


def joined(parts, begin=0):
    """The bytes of parts that follow one another."""
    for offset, payload in parts:
        assert offset == begin
        begin += len(payload)
    return b"".join(payload for _, payload in parts)


def send_segment(connection, task, content, index):
    begin = index * SEGMENT_LEN
    end = min(begin + SEGMENT_LEN, len(content))
    for offset in range(begin, end, TURN_LEN):
        connection.ask(content[offset : min(offset + TURN_LEN, end)], task=task, data={"offset": offset})


def segment_count(content):
    return -(-len(content) // SEGMENT_LEN)


def missing(opened, content):
    """The segments that the server has not."""
    held = set()
    for part in opened.verified:
        assert part.offset % SEGMENT_LEN == 0
        held.update(range(part.offset // SEGMENT_LEN, -(-(part.offset + part.len) // SEGMENT_LEN)))
    return [index for index in range(segment_count(content)) if index not in held]


def open_upload(connection, content, upload, **fields):
    task = connection.ask(put={"algorithm": SHA256, "size": len(content), "upload": upload, **fields})
    return task, expect(connection.answer(task)[0], "opened", upload=upload)


def finish_upload(connection, task, content):
    """Says the end until the server has what it needs, and gives what it stored and what it asked for."""
    asked = []
    while True:
        connection.ask(task=task, end={"digest": digest_of(content)})
        answer, _ = connection.answer(task)
        if which(answer) != "again":
            return expect(answer, "stored", digest=digest_of(content), size=len(content)), asked
        asked.append(list(answer.again.segments))
        for index in answer.again.segments:
            send_segment(connection, task, content, index)


def checkpoints_of(connection, content):
    """Has the server find the checkpoint list of a blob, which hashlib cannot, and forget the blob."""
    upload = hashlib.sha256(b"for its list" + content).digest()[:16]
    task, opened = open_upload(connection, content, upload)
    for index in missing(opened, content):
        send_segment(connection, task, content, index)
    finish_upload(connection, task, content)
    _, size, entries = get(connection, digest_of(content), list_only=True)
    assert size == len(content) and len(entries) == 32 * (segment_count(content) - 1)
    expect(connection.last(remove={"digest": digest_of(content)}), "removed")
    return entries


def small_blobs(address):
    with Connection(address) as connection:
        assert connection.welcome.task_count_max >= 1 and connection.welcome.blob_size_max > 0
        blobs = [b"", b"abc", *(noise(size, size) for size in (1, 63, 64, 65, 4096, 70_000))]
        tasks = [(connection.ask(blob, put={"algorithm": SHA256, "size": len(blob)}), blob) for blob in blobs]
        for task, blob in tasks:
            stored = {"digest": digest_of(blob), "size": len(blob), "is_new": True, "received": len(blob)}
            expect(connection.answer(task)[0], "stored", **stored)
        for blob in blobs:
            parts, size, _ = get(connection, digest_of(blob))
            assert joined(parts) == blob and size == len(blob)
        expect(put(connection, b"abc", digest=digest_of(b"abc")), "stored", is_new=False, size=3)

        # By the other algorithm, of a size that is said by the end.
        task = connection.ask(b"a", put={"algorithm": BLAKE3})
        connection.ask(b"bc", task=task, data={"offset": 1})
        connection.ask(task=task, end={})
        stored = expect(connection.answer(task)[0], "stored", size=3, is_new=True)
        assert stored.digest.value.hex() == "6437b3ac38465133ffb63b75273a8db548c558465d79db03fd359c6cd5bd9d85"

        names = b"".join(hashlib.sha256(blob).digest() for blob in [b"absent", *blobs])
        presence = expect(connection.last(has={"algorithm": SHA256, "digests": names}), "presence")
        assert list(presence.present) == [False] + [True] * len(blobs)
        described = expect(
            connection.last(stat={"digest": digest_of(b"abc")}), "described", size=3, checkpoint_count=0
        )
        assert described.published > 1_600_000_000

        listed, after = [], None
        while True:
            page = expect(
                connection.last(list={"limit": 4, "after": after} if after else {"limit": 4}), "listed"
            )
            listed += [(blob.digest.algorithm, blob.digest.value, blob.size) for blob in page.blobs]
            if not page.HasField("next"):
                break
            after = page.next
        expected = [(SHA256, hashlib.sha256(blob).digest(), len(blob)) for blob in blobs]
        assert listed == sorted(expected) + [(BLAKE3, stored.digest.value, 3)]

        expect(connection.last(remove={"digest": digest_of(b"abc")}), "removed")
        refused(connection.last(stat={"digest": digest_of(b"abc")}), "ABSENT")


def large_blobs(address):
    content = noise(3 * SEGMENT_LEN + 12_345, 1)
    with Connection(address) as connection:
        task = connection.ask(
            content[:TURN_LEN], put={"algorithm": SHA256, "size": len(content), "digest": digest_of(content)}
        )
        for offset in range(TURN_LEN, len(content), TURN_LEN):
            connection.ask(content[offset : offset + TURN_LEN], task=task, data={"offset": offset})
        expect(
            connection.answer(task)[0],
            "stored",
            digest=digest_of(content),
            is_new=True,
            received=len(content),
        )

        parts, size, _ = get(connection, digest_of(content))
        assert joined(parts) == content and size == len(content)
        parts, size, entries = get(connection, digest_of(content), checkpoints=True)
        assert joined(parts) == content and len(entries) == 3 * 32
        expect(
            connection.last(stat={"digest": digest_of(content)}), "described", size=size, checkpoint_count=3
        )

        ranges = [(5, 10), (15, 1), (SEGMENT_LEN - 3, 6), (size - 1, 1)]
        asked = [{"offset": offset, "len": len_} for offset, len_ in ranges]
        parts, size, _ = get(connection, digest_of(content), ranges=asked)
        assert b"".join(part for _, part in parts) == b"".join(
            content[offset : offset + len_] for offset, len_ in ranges
        )
        assert all(content[offset : offset + len(part)] == part for offset, part in parts)

        # A small blob does not wait for the large ones before it.
        expect(put(connection, b"small"), "stored")
        large = [connection.ask(get={"digest": digest_of(content)}) for _ in range(4)]
        assert joined(get(connection, digest_of(b"small"))[0]) == b"small"
        for task in large:
            connection.ask(task=task, cancel={})
            while which(answer := connection.answer(task)[0]) != "refused" and not answer.data.end:
                pass
            if which(answer) == "refused":
                refused(answer, "CANCELLED")


def uploads(address):
    content = noise(4 * SEGMENT_LEN + 99, 2)
    upload = bytes(range(16))
    half = content[2 * SEGMENT_LEN : 2 * SEGMENT_LEN + TURN_LEN]

    # Two segments and a part of the third, and then the line is cut. What was not whole is lost.
    with Connection(address) as connection:
        task, opened = open_upload(connection, content, upload)
        assert missing(opened, content) == [0, 1, 2, 3, 4]
        for index in (0, 1):
            send_segment(connection, task, content, index)
        connection.ask(half, task=task, data={"offset": 2 * SEGMENT_LEN})
        # The end is answered in order: what is here by now is on its way into the upload.
        connection.ask(task=task, end={})
        assert list(expect(connection.answer(task)[0], "again").segments) == [2, 3, 4]

    with Connection(address) as connection:
        listed = expect(connection.last(list_uploads={}), "uploads").uploads
        assert [(one.id, one.size, one.verified) for one in listed] == [
            (upload, len(content), 2 * SEGMENT_LEN)
        ]
        refused(
            connection.last(put={"algorithm": SHA256, "size": len(content) - 1, "upload": upload}), "CONFLICT"
        )
        task, opened = open_upload(connection, content, upload)
        assert missing(opened, content) == [2, 3, 4]
        # One that is there already is skipped.
        for index in (1, 2):
            send_segment(connection, task, content, index)
        connection.ask(task=task, leave={})
        expect(connection.answer(task)[0], "done")
        task, opened = open_upload(connection, content, upload)
        assert missing(opened, content) == [3, 4]
        for index in (3, 4):
            send_segment(connection, task, content, index)
        stored, asked = finish_upload(connection, task, content)
        assert stored.is_new and stored.received == SEGMENT_LEN + 99 and not asked
        assert joined(get(connection, digest_of(content))[0]) == content

        # Its last answer may have been lost: the id still leads to the blob.
        answer = connection.last(put={"algorithm": SHA256, "size": len(content), "upload": upload})
        expect(answer, "stored", digest=digest_of(content), size=len(content))
        assert [
            one.HasField("stored") for one in expect(connection.last(list_uploads={}), "uploads").uploads
        ] == [True]
        expect(connection.last(drop_upload={"upload": upload}), "dropped")
        refused(connection.last(drop_upload={"upload": upload}), "NO_SUCH_UPLOAD")
        expect(connection.last(stat={"digest": digest_of(content)}), "described")


def checkpoints(address):
    content = noise(4 * SEGMENT_LEN, 3)
    upload = b"checkpoints here"
    with Connection(address) as one, Connection(address) as other:
        entries = checkpoints_of(one, content)

        # Without the state before it a segment cannot be checked.
        task, _ = open_upload(one, content, upload)
        send_segment(one, task, content, 2)
        refused(one.answer(task)[0], "STATE_UNKNOWN")

        # Both connections, from the end to the start, and one bit of a segment flipped on its way.
        tasks = [(connection, open_upload(connection, content, upload)[0]) for connection in (one, other)]
        for connection, task in tasks:
            connection.ask(task=task, checkpoints={"first": 0, "entries": entries})
        damaged = bytearray(content)
        damaged[2 * SEGMENT_LEN + 77] ^= 4
        for index in reversed(range(4)):
            connection, task = tasks[index % 2]
            send_segment(connection, task, damaged, index)
        again = expect(one.answer(tasks[0][1])[0], "again", checkpoints=False)
        assert list(again.segments) == [2]
        send_segment(one, tasks[0][1], content, 2)
        other.ask(task=tasks[1][1], leave={})
        expect(other.answer(tasks[1][1])[0], "done")
        stored, asked = finish_upload(one, tasks[0][1], content)
        assert stored.is_new and not asked, asked

        # Bytes that are not those of the digest: all fits together, and ends in another name.
        expect(one.last(remove={"digest": digest_of(content)}), "removed")
        task, _ = open_upload(one, content, b"another upload..", digest=digest_of(content))
        for index in range(4):
            send_segment(one, task, damaged, index)
        one.ask(task=task, end={})
        message = refused(one.answer(task)[0], "MISMATCH")
        assert message.actual == CLASSES["Digest"](**digest_of(bytes(damaged)))
        refused(one.last(drop_upload={"upload": b"another upload.."}), "NO_SUCH_UPLOAD")

        # A segment that never fits is asked for three times, then the list, and then it is over.
        wrong = bytearray(entries)
        wrong[0] ^= 1
        task, _ = open_upload(one, content, b"a wrong list....")
        one.ask(task=task, checkpoints={"first": 0, "entries": bytes(wrong)})
        lists = 0
        send_segment(one, task, content, 0)
        for _ in range(10):
            answer, _ = one.answer(task)
            if which(answer) == "refused":
                break
            again = expect(answer, "again")
            assert list(again.segments) == [0]
            if again.checkpoints:
                lists += 1
                one.ask(task=task, checkpoints={"first": 0, "entries": bytes(wrong)})
            send_segment(one, task, content, 0)
        refused(answer, "MISMATCH")
        assert lists == 1


def task_errors(address):
    """Each refuses its task, and leaves the connection as it is."""
    content = b"abc"
    with Connection(address) as connection:
        expect(put(connection, content), "stored")

        def lives():
            expect(connection.last(stat={"digest": digest_of(content)}), "described", size=3)

        absent = digest_of(b"absent")
        for ask in (
            {"get": {"digest": absent}},
            {"stat": {"digest": absent}},
            {"remove": {"digest": absent}},
        ):
            refused(connection.last(**ask), "ABSENT")
            lives()
        message = refused(put(connection, content, digest=absent), "MISMATCH")
        assert message.actual == CLASSES["Digest"](**digest_of(content))
        lives()
        refused(put(connection, content, size=2), "SIZE_MISMATCH")
        lives()
        refused(
            connection.last(put={"algorithm": SHA256, "size": connection.welcome.blob_size_max + 1}),
            "TOO_LARGE",
        )
        lives()
        for offset, len_ in ((3, 1), (2, 2), (1 << 40, 1)):
            asked = [{"offset": offset, "len": len_}]
            refused(connection.last(get={"digest": digest_of(content), "ranges": asked}), "BAD_RANGE")
            lives()
        task = connection.ask(put={"algorithm": SHA256})
        connection.ask(content, task=task, data={"offset": 1})
        refused(connection.answer(task)[0], "BAD_OFFSET")
        # It was on its way.
        connection.ask(content, task=task, data={"offset": 4})
        connection.ask(task=task, end={})
        lives()
        task = connection.ask(content, put={"algorithm": SHA256})
        connection.ask(task=task, cancel={})
        refused(connection.answer(task)[0], "CANCELLED")
        lives()
        task, _ = open_upload(connection, content, b"sixteen bytes...")
        connection.ask(task=task, cancel={})
        refused(connection.answer(task)[0], "CANCELLED")
        expect(connection.last(drop_upload={"upload": b"sixteen bytes..."}), "dropped")
        lives()


def without_a_token(address):
    with Connection(address) as connection:
        refused(connection.last(stat={"digest": digest_of(b"abc")}), "NEEDS_TOKEN")
        refused(put(connection, b"abc"), "NEEDS_TOKEN")


def with_tokens(address, read, write):
    with Connection(address, token=write) as connection:
        expect(put(connection, b"abc"), "stored")
    with Connection(address, token=read) as connection:
        assert joined(get(connection, digest_of(b"abc"))[0]) == b"abc"
        for ask in (
            {"remove": {"digest": digest_of(b"abc")}},
            {"list_uploads": {}},
            {"drop_upload": {"upload": bytes(16)}},
        ):
            refused(connection.last(**ask), "NEEDS_WRITE_TOKEN")
        refused(put(connection, b"abc"), "NEEDS_WRITE_TOKEN")


def conversations(address):
    """Says what each vector has, and hears what it says of that. Nothing but a `Closing` ends the connection."""
    paths = sorted((VECTORS / "conversations").glob("*.hex"))
    assert len(paths) > 30
    for path in paths:
        outcome, content = read_vector(path)
        with Connection(address, opening=content) as connection:
            if outcome.startswith("closing: "):
                closing = expect(connection.answer(0, skipping="welcome")[0], "closing")
                said = f"closing: {CODES[closing.code]}"
                assert closing.message and connection.answer(0) is None, path.name
            elif outcome == "fine":
                said = outcome
            else:
                answer, _ = connection.answer(1, skipping="opened")
                said = f"refused: 1 {CODES[expect(answer, 'refused').code]}"
            assert said == outcome, f"{path.name}: {said}, not {outcome}"
            if not outcome.startswith("closing: "):
                connection.last_task = 1000
                refused(connection.last(stat={"digest": digest_of(b"absent")}), "ABSENT")
                connection.last(drop_upload={"upload": bytes(range(16))})
                assert not connection.waiting[1] or outcome == "fine", f"{path.name} has two last answers"


def last_words(address):
    """Who says no more still hears what was asked before."""
    with Connection(address) as connection:
        asked = [
            (connection.ask(b"abc", put={"algorithm": SHA256, "size": 3}), "stored"),
            (connection.ask(stat={"digest": digest_of(b"absent")}), "refused"),
            (connection.ask(b"abc", put={"algorithm": SHA256}), None),
            (connection.ask(b"abc", put={"algorithm": SHA256, "size": 2}), "refused"),
        ]
        connection.socket.shutdown(socket.SHUT_WR)
        for task, kind in asked:
            answer = connection.answer(task)
            assert answer is None if kind is None else which(answer[0]) == kind, f"{kind}: {answer}"


def vectors(_address):
    """Each frame is what protobuf's text format says beside it."""
    paths = sorted((VECTORS / "frames").glob("*.hex"))
    assert len(paths) > 30
    for path in paths:
        outcome, content = read_vector(path)
        kind, text = outcome.split(": ", 1)
        message = text_format.Parse(text, CLASSES[kind.capitalize()]())
        header = message.SerializeToString()
        payload = content[20 + len(header) :]
        assert frame(header, payload) == content, path.name


def read_vector(path):
    lines = path.read_text().splitlines()
    comments = [line[2:] for line in lines if line.startswith("# ")]
    return comments[1], bytes.fromhex("".join(line for line in lines if not line.startswith("#")))


def stopping(address):
    """Waits to be told that the server was asked to stop."""
    with Connection(address) as connection:
        task = connection.ask(b"ab", put={"algorithm": SHA256, "size": 3})
        expect(connection.last(list={}), "listed")
        print("ready", flush=True)
        sys.stdin.readline()
        while which(answer := connection.last(stat={"digest": digest_of(b"abc")})) == "refused":
            if CODES[answer.refused.code] == "STOPPING":
                break
            refused(answer, "ABSENT")
        connection.ask(b"c", task=task, data={"offset": 2})
        expect(connection.answer(task)[0], "stored", digest=digest_of(b"abc"))
        closing = expect(connection.answer(0)[0], "closing")
        assert CODES[closing.code] == "STOPPED"
        assert connection.answer(0) is None


SCENARIOS = [
    small_blobs,
    large_blobs,
    uploads,
    checkpoints,
    task_errors,
    without_a_token,
    with_tokens,
    conversations,
    last_words,
    vectors,
    stopping,
]

if __name__ == "__main__":
    host, port, name, *arguments = sys.argv[1:]
    scenario = {scenario.__name__: scenario for scenario in SCENARIOS}[name]
    scenario((host, int(port)), *arguments)
    print("as the page says")

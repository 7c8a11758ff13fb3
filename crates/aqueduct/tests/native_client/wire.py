"""The frames and messages of docs/protocol.md, for Python's standard library and the protobuf package."""

import collections
import queue
import socket
import struct
import threading
import zlib

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

GREETING = b"\x89AQDUCT\x01"
PREAMBLE = struct.Struct(">IQI")
SEGMENT_LEN = 4 * 1024 * 1024
TURN_LEN = 1024 * 1024

# Longer than anything takes that is going to happen.
PATIENCE = 60

# Fields in the order of their numbers. `?` is optional, `*` repeated, `|` one of a oneof.
MESSAGES = {
    "Digest": "algorithm:Algorithm value:bytes",
    "Range": "offset:uint64 len:uint64",
    "Request": "task:uint64 |hello:Hello |put:Put |data:Data |checkpoints:Checkpoints |end:End |leave:Leave"
    " |cancel:Cancel |get:Get |has:Has |stat:Stat |list:List |remove:Remove |list_uploads:ListUploads"
    " |drop_upload:DropUpload",
    "Hello": "agent:string token:string *capabilities:string",
    "Put": "algorithm:Algorithm ?digest:Digest ?size:uint64 upload:bytes",
    "Data": "offset:uint64 end:bool size:uint64",
    "Checkpoints": "first:uint64 entries:bytes",
    "End": "?digest:Digest",
    "Leave": "",
    "Cancel": "",
    "Get": "digest:Digest *ranges:Range checkpoints:bool list_only:bool",
    "Has": "algorithm:Algorithm digests:bytes",
    "Stat": "digest:Digest",
    "List": "?after:Digest limit:uint32",
    "Remove": "digest:Digest",
    "ListUploads": "after:bytes limit:uint32",
    "DropUpload": "upload:bytes",
    "Answer": "task:uint64 |welcome:Welcome |closing:Closing |opened:Opened |again:Again |stored:Stored |found:Found"
    " |checkpoints:Checkpoints |data:Data |done:Done |presence:Presence |described:Described |listed:Listed"
    " |removed:Removed |uploads:Uploads |dropped:Dropped |refused:Refused",
    "Welcome": "agent:string *capabilities:string task_count_max:uint32 blob_size_max:uint64",
    "Closing": "code:Code message:string",
    "Opened": "upload:bytes *verified:Range",
    "Again": "*segments:uint64 checkpoints:bool after_end:bool",
    "Stored": "digest:Digest size:uint64 is_new:bool received:uint64",
    "Found": "size:uint64 checkpoint_count:uint64",
    "Done": "",
    "Presence": "*present:bool",
    "Described": "size:uint64 published:int64 checkpoint_count:uint64",
    "Listed": "*blobs:Blob ?next:Digest",
    "Blob": "digest:Digest size:uint64 published:int64",
    "Removed": "",
    "Uploads": "*uploads:Upload next:bytes",
    "Upload": "id:bytes algorithm:Algorithm ?digest:Digest size:uint64 verified:uint64 used:int64 ?stored:Digest",
    "Dropped": "",
    "Refused": "code:Code message:string ?actual:Digest",
}

ENUMS = {
    "Algorithm": "ALGORITHM_UNSPECIFIED=0 SHA256=1 BLAKE3=2",
    "Code": "CODE_UNSPECIFIED=0 ABSENT=1 MISMATCH=2 SIZE_MISMATCH=3 TOO_LARGE=4 NO_SPACE=5 READ_ONLY=6 FAULT=7"
    " NEEDS_TOKEN=8 NEEDS_WRITE_TOKEN=9 BAD_RANGE=10 BAD_OFFSET=11 BAD_ALGORITHM=12 BAD_DIGEST=13 BUSY=14 CANCELLED=15"
    " CONFLICT=16 NO_SUCH_UPLOAD=17 CONTENDED=18 UNKNOWN_MESSAGE=19 BAD_MESSAGE=20 STATE_UNKNOWN=21 STOPPING=22"
    " WRONG_MAGIC=40 UNKNOWN_VERSION=41 BAD_PREAMBLE=42 HEADER_TOO_LONG=43 PAYLOAD_TOO_LONG=44 BAD_HEADER=45 NO_HELLO=46"
    " HELLO_TWICE=47 DUPLICATE_TASK=48 WRONG_STATE=49 UNEXPECTED_PAYLOAD=50 TOO_SLOW=51 STOPPED=52",
}


def compile_messages():
    """The messages as classes, by their names, and the names of codes."""
    schema = descriptor_pb2.FileDescriptorProto(name="aqueduct.proto", package="aqueduct", syntax="proto3")
    for name, values in ENUMS.items():
        enum = schema.enum_type.add(name=name)
        for value in values.split():
            value_name, number = value.split("=")
            enum.value.add(name=value_name, number=int(number))
    for name, fields in MESSAGES.items():
        message = schema.message_type.add(name=name)
        for number, field in enumerate(fields.split(), start=1):
            add_field(message, number, field)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(schema)
    classes = {
        name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"aqueduct.{name}"))
        for name in MESSAGES
    }
    codes = pool.FindEnumTypeByName("aqueduct.Code").values_by_number
    return classes, {number: value.name for number, value in codes.items()}


def add_field(message, number, text):
    types = descriptor_pb2.FieldDescriptorProto
    mark, text = (text[0], text[1:]) if text[0] in "?*|" else ("", text)
    name, kind = text.split(":")
    field = message.field.add(
        name=name, number=number, label=types.LABEL_REPEATED if mark == "*" else types.LABEL_OPTIONAL
    )
    if kind in MESSAGES:
        field.type, field.type_name = types.TYPE_MESSAGE, f".aqueduct.{kind}"
    elif kind in ENUMS:
        field.type, field.type_name = types.TYPE_ENUM, f".aqueduct.{kind}"
    else:
        field.type = getattr(types, f"TYPE_{kind.upper()}")
    if mark == "|":
        if not message.oneof_decl:
            message.oneof_decl.add(name="message")
        field.oneof_index = 0
    elif mark == "?":
        field.proto3_optional, field.oneof_index = True, len(message.oneof_decl)
        message.oneof_decl.add(name=f"_{name}")


CLASSES, CODES = compile_messages()
Request, Answer = CLASSES["Request"], CLASSES["Answer"]


def frame(header, payload=b""):
    preamble = PREAMBLE.pack(len(header), len(payload), zlib.crc32(header))
    return preamble + zlib.crc32(preamble).to_bytes(4, "big") + header + payload


def which(answer):
    return answer.WhichOneof("message")


class Connection:
    """One connection. A thread of its own reads what the server says, so that nobody waits for anybody."""

    def __init__(self, address, token=None, opening=None):
        """With an opening that, and nothing else, is said first."""
        self.socket = socket.create_connection(address, timeout=PATIENCE)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.last_task = 0
        self.heard = queue.Queue()
        self.waiting = collections.defaultdict(collections.deque)
        threading.Thread(target=self.listen, daemon=True).start()
        if opening is not None:
            self.socket.sendall(opening)
            return
        hello = Request(task=0, hello={"agent": "native_client.py", "token": token or ""})
        self.socket.sendall(GREETING + frame(hello.SerializeToString()))
        self.welcome = self.answer(0)[0].welcome

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        # Wakes the thread that listens, too.
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.socket.close()

    def ask(self, payload=b"", task=None, **message):
        """Says one message, of a task that it begins or of one that has begun, and gives the task."""
        if task is None:
            task = self.last_task = self.last_task + 1
        self.socket.sendall(frame(Request(task=task, **message).SerializeToString(), payload))
        return task

    def answer(self, task, skipping=None):
        """The next answer of a task that is not of a kind to skip, and its payload. `None` once the server has closed."""
        while True:
            while not self.waiting[task]:
                heard = self.heard.get(timeout=PATIENCE)
                if heard is None:
                    self.heard.put(None)
                    return None
                self.waiting[heard[0].task].append(heard)
            answer = self.waiting[task].popleft()
            if which(answer[0]) != skipping:
                return answer

    def last(self, payload=b"", **message):
        """Asks for what has one answer, and gives it."""
        return self.answer(self.ask(payload, **message))[0]

    def listen(self):
        stream = self.socket.makefile("rb")
        try:
            assert stream.read(len(GREETING)) == GREETING, "the server greets in version 1"
            while preamble := stream.read(PREAMBLE.size + 4):
                header_len, payload_len, header_check = PREAMBLE.unpack(preamble[: PREAMBLE.size])
                assert zlib.crc32(preamble[: PREAMBLE.size]) == int.from_bytes(
                    preamble[PREAMBLE.size :], "big"
                )
                assert header_len <= 64 * 1024 and payload_len <= SEGMENT_LEN
                header, payload = stream.read(header_len), stream.read(payload_len)
                if len(payload) < payload_len:
                    break
                assert zlib.crc32(header) == header_check
                self.heard.put((Answer.FromString(header), payload))
        except (OSError, ValueError):
            pass  # The connection was cut, here or there.
        finally:
            self.heard.put(None)

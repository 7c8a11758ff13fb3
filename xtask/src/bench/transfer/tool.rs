//! How each tool is called at either end.

/// What is moved, and by which tools. The first is ours, as it verifies by default.
pub(super) struct Row {
    pub(super) name: &'static str,
    pub(super) title: &'static str,
    pub(super) about: &'static str,
    pub(super) load: Load,
    pub(super) tools: &'static [Tool],
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Load {
    /// One large file.
    File,
    /// A directory of small files.
    Tree,
}

/// A tool, as lines of bash. They know `$SOURCE`, which is sent; `$TARGET`, which is not there yet, and where it is to arrive;
/// `$ADDRESS` and `$PORT`, where who comes first listens; `$SIZE` in bytes; `$DIR` with the configurations of daemons; and the
/// programs `$AQUEDUCT`, `$BENCH` and `$SSHD`, `$SENDME`, and `$WORMHOLE` with those of Magic Wormhole. Who comes second knows `$TICKET` if the first printed one.
pub(super) struct Tool {
    pub(super) name: &'static str,
    /// By whom.
    pub(super) verified: &'static str,
    /// Without these it is left out.
    pub(super) needs: &'static [&'static str],
    pub(super) first: First,
    pub(super) send: &'static str,
    pub(super) receive: &'static str,
}

impl Tool {
    pub(super) fn is_ours(&self) -> bool {
        self.first == First::ReceiverWithTicket
    }
}

/// Who comes first, and listens.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum First {
    /// And ends by itself.
    Receiver,
    /// And prints a ticket, and ends by itself.
    ReceiverWithTicket,
    /// And goes on until it is told to end.
    ReceivingDaemon,
    /// And goes on until it is told to end.
    SendingDaemon,
    /// And prints a ticket, and goes on until it is told to end.
    SendingDaemonWithTicket,
}

pub(super) const ROWS: &[Row] = &[
    Row {
        name: "file",
        title: "A large file",
        about: "hot in the page cache of the sender, and new at the receiver, on the same disk",
        load: Load::File,
        tools: &[
            OURS,
            ours(
                "aqueduct, default sync",
                "BLAKE3",
                r#"exec "$AQUEDUCT" send "$SOURCE" "$TICKET""#,
                r#"exec "$AQUEDUCT" recv --listen "$ADDRESS:$PORT" -o "$TARGET" 2>&1"#,
            ),
            ours(
                SHA256,
                "SHA-256",
                r#"exec "$AQUEDUCT" send --digest sha256 "$SOURCE" "$TICKET""#,
                OURS.receive,
            ),
            ours(
                UNVERIFIED,
                "no",
                r#"exec "$AQUEDUCT" send --verify none "$SOURCE" "$TICKET""#,
                OURS.receive,
            ),
            Tool {
                name: BARE,
                verified: "no",
                needs: &[],
                first: First::Receiver,
                send: r#"exec "$BENCH" send "$SOURCE" --to "$ADDRESS:$PORT""#,
                receive: r#"exec "$BENCH" receive --listen "$ADDRESS:$PORT" --size "$SIZE" "$TARGET""#,
            },
            Tool {
                name: RSYNC,
                verified: "xxh128",
                needs: &["rsync"],
                first: First::ReceivingDaemon,
                send: r#"exec rsync --whole-file "$SOURCE" "rsync://$ADDRESS:$PORT/arrived/${TARGET##*/}""#,
                receive: RSYNC_DAEMON,
            },
            Tool {
                name: SCP,
                verified: "in transit",
                needs: &["scp", "ssh-keygen", "sshd"],
                first: First::ReceivingDaemon,
                send: r#"exec scp -q -F none -i "$DIR/key" -c aes128-gcm@openssh.com -P "$PORT" -o StrictHostKeyChecking=no \
                    -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR "$SOURCE" "$ADDRESS:$TARGET""#,
                receive: r#"exec "$SSHD" -D -e -f "$DIR/sshd.conf" -p "$PORT""#,
            },
            Tool {
                name: WORMHOLE,
                verified: "SHA-256",
                needs: &["wormhole"],
                first: First::Receiver,
                send: r#"exec "$WORMHOLE/wormhole" --relay-url "ws://$ADDRESS:$PORT/v1" --transit-helper= \
                    send --hide-progress --no-qr --code 7-bench-mark "$SOURCE""#,
                // Both sides meet at a mailbox, which is here.
                receive: r#"cd "$DIR" && { "$WORMHOLE/twist" wormhole-mailbox --port "tcp:$PORT" > mailbox & mailbox=$!
                    until (: < "/dev/tcp/$ADDRESS/$PORT") 2> /dev/null; do :; done
                    "$WORMHOLE/wormhole" --relay-url "ws://$ADDRESS:$PORT/v1" --transit-helper= \
                    receive --accept-file --hide-progress -o "$TARGET" 7-bench-mark
                    code=$?; kill "$mailbox"; wait; exit "$code"; }"#,
            },
            Tool {
                name: SENDME,
                verified: "BLAKE3",
                needs: &["sendme"],
                first: First::SendingDaemonWithTicket,
                send: r#"cd "$DIR" && exec "$SENDME" send --verbose --relay disabled --ticket-type addresses \
                    --magic-ipv4-addr "$ADDRESS:$PORT" --no-progress "$SOURCE""#,
                // It comes under its own name, where it is called.
                receive: r#"mkdir "$TARGET.sendme" && cd "$TARGET.sendme" &&
                    "$SENDME" receive --relay disabled --no-progress "$TICKET" && mv "${SOURCE##*/}" "$TARGET""#,
            },
            Tool {
                name: SOCAT,
                verified: "no",
                needs: &["socat"],
                first: First::Receiver,
                send: r#"exec socat -u -b 262144 "OPEN:$SOURCE" "TCP:$ADDRESS:$PORT""#,
                receive: r#"exec socat -u -b 262144 "TCP-LISTEN:$PORT" "CREATE:$TARGET""#,
            },
            Tool {
                name: "nc",
                verified: "no",
                needs: &["nc.openbsd"],
                first: First::Receiver,
                send: r#"exec nc.openbsd -N "$ADDRESS" "$PORT" < "$SOURCE""#,
                receive: r#"exec nc.openbsd -l "$PORT" > "$TARGET""#,
            },
            Tool {
                name: "python3 -m http.server, curl",
                verified: "no",
                needs: &["python3", "curl"],
                first: First::SendingDaemon,
                send: r#"exec python3 -m http.server --bind "$ADDRESS" --directory "${SOURCE%/*}" "$PORT""#,
                receive: r#"exec curl -sSfo "$TARGET" "http://$ADDRESS:$PORT/${SOURCE##*/}""#,
            },
        ],
    },
    Row {
        name: "tree",
        title: "Many small files",
        about: "of 4 KiB, hot in the page cache of the sender, and new at the receiver, on the same disk",
        load: Load::Tree,
        tools: &[
            OURS,
            Tool {
                name: TAR,
                verified: "no",
                needs: &["tar", "nc.openbsd"],
                first: First::Receiver,
                send: r#"tar -C "$SOURCE" -c . | nc.openbsd -N "$ADDRESS" "$PORT""#,
                receive: r#"mkdir "$TARGET" && nc.openbsd -l "$PORT" | tar -C "$TARGET" -x"#,
            },
            Tool {
                name: RSYNC,
                verified: "xxh128",
                needs: &["rsync"],
                first: First::ReceivingDaemon,
                send: r#"exec rsync --archive --whole-file "$SOURCE/" "rsync://$ADDRESS:$PORT/arrived/${TARGET##*/}/""#,
                receive: RSYNC_DAEMON,
            },
        ],
    },
];

pub(super) const OURS: Tool = ours(
    "aqueduct",
    "BLAKE3",
    r#"exec "$AQUEDUCT" send "$SOURCE" "$TICKET""#,
    r#"exec "$AQUEDUCT" recv --sync none --listen "$ADDRESS:$PORT" -o "$TARGET" 2>&1"#,
);
pub(super) const SHA256: &str = "aqueduct, SHA-256";
pub(super) const UNVERIFIED: &str = "aqueduct, --verify none";
pub(super) const BARE: &str = "bare loop";
pub(super) const RSYNC: &str = "rsync -W";
pub(super) const SCP: &str = "scp, aes128-gcm";
pub(super) const WORMHOLE: &str = "magic-wormhole";
pub(super) const SENDME: &str = "sendme";
pub(super) const SOCAT: &str = "socat -b 262144";
pub(super) const TAR: &str = "tar, nc, tar";

/// All tools that verify what arrived.
pub(super) const VERIFIERS: &[&str] = &[RSYNC, SCP, WORMHOLE, SENDME];

const RSYNC_DAEMON: &str =
    r#"exec rsync --daemon --no-detach --port="$PORT" --address="$ADDRESS" --config="$DIR/rsyncd.conf""#;

const fn ours(name: &'static str, verified: &'static str, send: &'static str, receive: &'static str) -> Tool {
    Tool { name, verified, needs: &[], first: First::ReceiverWithTicket, send, receive }
}

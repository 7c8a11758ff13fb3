//! A client over HTTP, whose server answers whatever it likes: no answer ends the program or keeps it for ever, and none
//! makes it say what is not true. Every connection hears the same.

#![no_main]

use std::sync::LazyLock;

use aqueduct_fuzz::{Feed, RudeServer, client, run_errand};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let (errand, said) = bytes.split_at(bytes.len().min(ERRAND_LEN));
    SERVER.say(said);
    let client = client(&format!("http://{}", SERVER.address()));
    run_errand(&client, &mut Feed(errand));
});

static SERVER: LazyLock<RudeServer> = LazyLock::new(RudeServer::listen);

/// What an errand is made from.
const ERRAND_LEN: usize = 6;

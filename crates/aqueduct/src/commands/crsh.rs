//! `crsh`: a storage of ccache, which says by variables of the environment what it wants: its
//! `doc/remote_storage_helper_spec.md`.

use std::env;
use std::fs;
use std::path::PathBuf;
use std::process;
use std::time::Duration;

use aqueduct_client::{CcacheStorage, Options, Token};

use crate::fault::Fault;
use crate::flags::CRSH_ENDPOINT;
use crate::local_socket;
use crate::text::shown;

pub(super) fn run() -> Result<(), Fault> {
    let path = env::var_os(CRSH_ENDPOINT).filter(|path| !path.is_empty());
    let path = path.map(PathBuf::from).ok_or_else(|| not_set(CRSH_ENDPOINT))?;
    let path = std::path::absolute(&path).map_err(Fault::local(format!("find {}", shown(&path))))?;
    let url = text(URL)?.ok_or_else(|| not_set(URL))?;
    let idle = number(IDLE_TIMEOUT)?;
    let Attributes { token, unknown } = attributes()?;
    let options = Options { token, timeout: TIMEOUT, answer_timeout: ANSWER_TIMEOUT, ..Options::default() };
    let storage = CcacheStorage::new(&url, options, unknown)
        .map_err(|error| Fault::Usage(format!("{URL}: {error}")))?;
    let listener = local_socket::listen(&path)?;
    // It may live for long, and shall keep no directory from being unmounted.
    let _ = env::set_current_dir("/");
    let stop = || {
        local_socket::remove(&path);
        process::exit(0)
    };
    let idle = Some(Duration::from_secs(idle)).filter(|idle| !idle.is_zero());
    storage.serve(&listener, idle, &stop).map_err(Fault::local("serve ccache"))?;
    local_socket::remove(&path);
    Ok(())
}

/// What the configuration of ccache says with an `@`.
#[derive(Default)]
struct Attributes {
    token: Option<Token>,
    /// What is said of those that mean nothing here.
    unknown: Vec<String>,
}

fn attributes() -> Result<Attributes, Fault> {
    let mut attributes = Attributes::default();
    for index in 0..number(ATTRIBUTE_COUNT)? {
        let of = |what| text(&format!("CRSH_ATTR_{what}_{index}"));
        let (key, value) = (of("KEY")?.unwrap_or_default(), of("VALUE")?.unwrap_or_default());
        match key.as_str() {
            "bearer-token" => attributes.token = Some(token(&value, &key, str::parse)?),
            "token-file" => {
                let file = fs::read_to_string(&value);
                let file =
                    file.map_err(Fault::local(format!("read the token in {}", shown(value.as_ref()))))?;
                attributes.token = Some(token(&file, &key, Token::in_file)?);
            }
            _ => attributes.unknown.push(format!("attribute {key} means nothing here")),
        }
    }
    Ok(attributes)
}

fn token<E: std::fmt::Display>(
    text: &str,
    key: &str,
    parse: impl FnOnce(&str) -> Result<Token, E>,
) -> Result<Token, Fault> {
    parse(text).map_err(|error| Fault::Usage(format!("attribute {key}: {error}")))
}

/// A number, which is 0 where it is not set.
fn number(name: &str) -> Result<u64, Fault> {
    let Some(text) = text(name)? else { return Ok(0) };
    text.parse().map_err(|_| Fault::Usage(format!("{name} is no whole number")))
}

fn text(name: &str) -> Result<Option<String>, Fault> {
    match env::var(name) {
        Ok(text) => Ok(Some(text).filter(|text| !text.is_empty())),
        Err(env::VarError::NotPresent) => Ok(None),
        Err(env::VarError::NotUnicode(_)) => Err(Fault::Usage(format!("{name} holds no text"))),
    }
}

fn not_set(name: &str) -> Fault {
    Fault::Usage(format!("{name} is not set; ccache starts this by itself: see aqueduct crsh --help"))
}

const URL: &str = "CRSH_URL";
const IDLE_TIMEOUT: &str = "CRSH_IDLE_TIMEOUT";
const ATTRIBUTE_COUNT: &str = "CRSH_NUM_ATTR";

/// For a connection, and for the next byte: ccache itself waits no longer by default.
const TIMEOUT: Duration = Duration::from_secs(10);

/// A minute is what ccache has for the whole request by default.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);
